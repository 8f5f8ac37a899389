"""Texts of files, models and peers, made fit for a terminal and for a message's field."""

import msgspec
import pytest

from llmri_protocol.fields import Name
from llmri_protocol.printable import LONGEST_NAME, as_name, for_terminal, printable


@pytest.mark.parametrize(
    ("text", "line", "lines"),
    [
        ("é 日本 🙂", "é 日本 🙂", "é 日本 🙂"),
        ("\x1b[2Jgone", "\\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\x9b2J\x07\r\x7f", "\\x9b2J\\x07\\r\\x7f", "\\x9b2J\\x07\\r\\x7f"),
        ("a\tb\nc", "a\\tb\\nc", "a\tb\nc"),
        ("\udcff", "\\udcff", "\\udcff"),
        ("\u202egnp.exe", "\\u202egnp.exe", "\\u202egnp.exe"),
        ("👩\u200d🔬", "👩\\u200d🔬", "👩\u200d🔬"),  # a joiner, in what is more than a name
    ],
)
def test_no_control_and_no_half_of_a_character_is_shown(text: str, line: str, lines: str) -> None:
    assert printable(text) == line
    assert for_terminal(text) == lines
    assert lines.encode().decode() == lines


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("pocket", "pocket"),
        (" two\n words ", "two words"),
        ("", "model"),
        (" \n", "model"),
        ("a\x1b[31m", "a\\x1b[31m"),
        ("bad\udcff", "bad\\udcff"),
        ("n" * LONGEST_NAME, "n" * LONGEST_NAME),
        ("n" * 300, "n" * (LONGEST_NAME - 3) + "..."),
        ("\0" * 300, ("\\x00" * 300)[: LONGEST_NAME - 3] + "..."),
    ],
)
def test_any_name_of_a_file_is_one_that_a_message_takes(text: str, name: str) -> None:
    assert as_name(text) == name
    assert msgspec.json.decode(msgspec.json.encode(as_name(text)), type=Name) == name
