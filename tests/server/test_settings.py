from pathlib import Path

import msgspec
import pytest

from llmri_protocol.configs import ConfigError
from llmri_server.settings import Settings, bundled, read


def test_the_bundled_file_says_what_the_code_says() -> None:
    assert read() == Settings()


def test_the_bundled_file_lists_every_key() -> None:
    keys = set(msgspec.toml.decode(bundled().read_bytes()))
    assert keys == set(Settings.__struct_fields__)


def test_a_file_overrides_the_bundled_one_and_a_flag_overrides_both(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("port = 1234\nseed = 7\n")
    settings = read(file, seed=8, host=None)
    assert (settings.port, settings.seed, settings.host) == (1234, 8, "127.0.0.1")


def test_a_file_can_set_a_key_back_to_its_default(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("temperature = 0.0\n")
    assert read(file).temperature == 0.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tempratur = 1.0", "did you mean `temperature`"),
        ("port = 'a'", "port"),
        ("port = -1", "port"),
        ("port", "no valid TOML"),
    ],
)
def test_a_file_that_does_not_fit_is_told_by_name(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said) as told:
        read(file)
    assert str(file) in str(told.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        read(tmp_path / "none.toml")


def test_a_flag_out_of_range_is_told_by_its_own_name() -> None:
    with pytest.raises(ConfigError, match="--max-new-tokens"):
        read(max_new_tokens=0)
