from pathlib import Path

import pytest

from llmri.edits.errors import EditsError
from llmri.edits.files import put, read, save
from tests.protocol.edit_sets import EXAMPLE


@pytest.mark.parametrize("name", ["set.toml", "set.json"])
def test_a_set_survives_the_disk(tmp_path: Path, name: str) -> None:
    save(tmp_path / name, EXAMPLE)
    assert read(tmp_path / name) == EXAMPLE


def test_a_file_that_is_there_is_only_replaced_when_that_is_wanted(tmp_path: Path) -> None:
    file = tmp_path / "set.toml"
    file.write_text("precious")
    with pytest.raises(EditsError, match="exists; give another name, or --overwrite"):
        save(file, EXAMPLE)
    assert file.read_text() == "precious"
    save(file, EXAMPLE, overwrite=True)
    assert read(file) == EXAMPLE


def test_a_full_disk_loses_nothing_and_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "set.toml"
    file.write_text("precious")

    def half(place: Path) -> None:
        place.write_text("ha")
        raise OSError(28, "No space left on device")

    with pytest.raises(EditsError, match=r"cannot write .*set\.toml: No space left on device"):
        put(file, half, overwrite=True)
    assert file.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("set.txt", b"", "names no format; expected a name that ends in .toml or .json"),
        ("set.toml", b"\xff", "it is no text in UTF-8"),
        ("set.toml", b"[table]", "the key `llmri_edits` is missing"),
        ("set.json", b"{", "it is no valid JSON"),
    ],
)
def test_what_is_no_set_is_refused(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EditsError) as caught:
        read(tmp_path / name)
    assert sentence in str(caught.value)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EditsError, match=r"cannot write .* No such file or directory"):
        save(tmp_path / "none" / "set.toml", EXAMPLE)
