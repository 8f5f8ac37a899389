import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri.cluster.errors import ClusterError
from llmri.cluster.prompts import LONGEST_FILE, Prompt, parse, read

FILE = """# what to ask
Hello.

[mathematics]
 What is 3 plus 4?
# twice
2+2
[tales]
Tell me a story.
"""


def test_a_file_is_prompts_in_groups() -> None:
    assert parse(FILE, "p.txt") == (
        Prompt("Hello."),
        Prompt("What is 3 plus 4?", "mathematics"),
        Prompt("2+2", "mathematics"),
        Prompt("Tell me a story.", "tales"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello\n[sums", "p.txt, line 2: '[sums' begins no group"),
        ("[]\nhello", "p.txt, line 1: '[]' begins no group"),
        ("[a] b", "p.txt, line 1: '[a] b' begins no group"),
        ("x\n[sums]\n\n[tales]\ny", "p.txt, line 2: the group [sums] holds no prompts"),
        ("x\n[sums]\n# only this", "p.txt, line 2: the group [sums] holds no prompts"),
        ("# nothing\n\n", "p.txt holds no prompts"),
    ],
)
def test_a_malformed_file_is_told_by_its_line(text: str, said: str) -> None:
    with pytest.raises(ClusterError) as raised:
        parse(text, "p.txt")
    assert str(raised.value).startswith(said)
    assert "\n" not in str(raised.value)


@given(st.text(alphabet="[]# ab\n\r"))
def test_any_text_is_prompts_or_refused(text: str) -> None:
    with contextlib.suppress(ClusterError):
        prompts = parse(text, "p.txt")
        assert prompts
        assert all(prompt.text.strip() == prompt.text != "" for prompt in prompts)


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="No such file"):
        read(tmp_path / "none.txt")
    with pytest.raises(ClusterError, match="cannot read"):
        read(tmp_path)
    (tmp_path / "picture").write_bytes(b"ab\xff")
    with pytest.raises(ClusterError, match="no text in UTF-8: byte 2"):
        read(tmp_path / "picture")
    (tmp_path / "zeros").write_bytes(b"ab\0")
    with pytest.raises(ClusterError, match="no text: character 2 is a null"):
        read(tmp_path / "zeros")


def test_a_file_without_end_is_not_read_to_it(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="it is a device, no file"):
        read(Path("/dev/zero"))
    (tmp_path / "long").write_bytes(b"a" * (LONGEST_FILE + 1))
    with pytest.raises(ClusterError, match="too long, at most 16777216 bytes"):
        read(tmp_path / "long")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_any_system_ends_them(tmp_path: Path, end: str) -> None:
    (tmp_path / "p.txt").write_bytes(end.join(["a", "b"]).encode())
    assert read(tmp_path / "p.txt") == (Prompt("a"), Prompt("b"))
