"""Files that people name: other encodings and what is no file give a sentence; writers keep what is there."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from llmri_protocol.configs import ConfigError, load
from llmri_protocol.user_files import TextError, read_text, target, text_of, whole

WORDS = 'name = "é"\n'


class Named(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    count: int = 0


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "a.toml"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "data", [WORDS.encode(), WORDS.encode("utf-8-sig"), WORDS.replace("\n", "\r\n").encode()]
)
def test_utf_8_is_read_with_or_without_a_mark(tmp_path: Path, data: bytes) -> None:
    path = written(tmp_path, data)
    assert read_text(path) == WORDS
    assert load(path, Named) == Named("é")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (WORDS.encode("utf-16"), "it is text in UTF-16, expected UTF-8; save it as UTF-8"),
        (WORDS.encode("utf-32"), "it is text in UTF-32, expected UTF-8"),
        (("\n" + WORDS).encode("latin-1"), "line 2 has the byte 0xe9; save it as UTF-8"),
    ],
)
def test_another_encoding_is_named(tmp_path: Path, data: bytes, sentence: str) -> None:
    with pytest.raises(TextError) as caught:
        text_of(data)
    assert sentence in str(caught.value)
    with pytest.raises(ConfigError) as refused:
        load(written(tmp_path, data), Named)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = 'a'\0", "is no valid TOML"),
        ("count = " + "9" * 5000, "is no valid TOML"),
        ("count = " + "[" * 20_000, "is no valid TOML: it is nested too deeply"),
        ("name = " + "{a=" * 20_000, "is no valid TOML: it is nested too deeply"),
        ("name = 3", "expected text, got a whole number in `name`"),
        ("count = 1", "the key `name` is missing"),
        ("name = 'a'\nnmae = 'b'", "there is no key `nmae`; did you mean `name`?"),
        ("name = 'a'\nxyz = 'b'", "there is no key `xyz`"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_in_plain_words(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text.encode()), Named)
    said = str(caught.value)
    assert sentence in said
    assert "$" not in said
    assert len(said) < 300


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


NO_FILES = [
    pytest.param(pipe, "it is a pipe, no file", id="pipe"),
    pytest.param(folder, "it is a folder, no file", id="folder"),
    pytest.param(lambda _path: Path("/dev/zero"), "it is a device, no file", id="device"),
]


@pytest.mark.parametrize(("make", "sentence"), NO_FILES)
def test_what_is_no_file_is_neither_waited_for_nor_replaced(
    tmp_path: Path, make: Callable[[Path], Path], sentence: str
) -> None:
    path = make(tmp_path / "odd")
    mode = path.stat().st_mode
    with pytest.raises(ConfigError, match=rf"{sentence}|Is a directory"):
        load(path, Named)
    with pytest.raises(OSError, match=sentence), whole(path) as file:
        file.write(b"x")
    assert path.stat().st_mode == mode
    assert [each.name for each in tmp_path.iterdir()] == ([path.name] if path.parent == tmp_path else [])


def test_a_link_stays_and_its_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.toml").write_text("old")
    link = tmp_path / "link.toml"
    link.symlink_to(tmp_path / "real" / "a.toml")
    with whole(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert (tmp_path / "real" / "a.toml").read_text() == "new"
    link.unlink()
    link.symlink_to(tmp_path / "real" / "not there yet")
    assert target(link) == tmp_path / "real" / "not there yet"


def test_links_in_a_circle_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OSError, match="symbolic link"):
        target(tmp_path / "a")


def test_what_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("old")

    def write() -> None:
        with whole(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.toml"]


def test_a_name_as_long_as_a_system_takes_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250)
    with whole(path) as file:
        file.write(b"x")
    assert stat.S_ISREG(path.stat().st_mode)


def test_a_pipe_that_a_shell_has_made_is_read() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(WORDS.encode())
    try:
        assert read_text(Path(f"/dev/fd/{reading}")) == WORDS
    finally:
        os.close(reading)
