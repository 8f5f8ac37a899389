"""Any Unicode text can be shown: by some font, each letter in its place, or as its escape."""

from pathlib import Path

import matplotlib as mpl
import pygame
import pytest

from llmri_look.words import VISIBLE
from llmri_viewer.drawing.lettering.fonts import Fonts
from llmri_viewer.drawing.lettering.runs import Run, runs
from llmri_viewer.drawing.lettering.typefaces import Typefaces

FOLDER = Path(mpl.get_data_path()) / "fonts" / "ttf"
INK = (255, 255, 255)
ODD = (FOLDER / "DejaVuSerif.ttf", "\u02ef")
"""A font and a character that is in none of those which are tried by themselves."""
SCRIPTS = {
    "Latin": "Zażółć gęślą jaźń",
    "Greek": "Ξεσκεπάζω την ψυχοφθόρα",
    "Cyrillic": "Съешь же ещё этих",
    "Armenian": "Բոլոր մարդիկ",
    "Georgian": "ყველა ადამიანი",
    "Hebrew": "דג סקרן שט בים",
    "Arabic": "صِف خَلقَ خَودِ",
    "Braille": "⠓⠑⠇⠇⠕",
    "mathematics": "∀x∈ℝ: ⌈x⌉ = −⌊−x⌋, 𝒜 ∑ α̂",  # noqa: RUF001 - as mathematicians write them
    "signs": "→ ✓ ♞ ☃ ◆ ½ € № 😀",
    "marks": "e\u0301 a\u0308\u0323 n\u0303",
}
LACKED = {
    "Chinese": "你好",
    "Japanese": "こんにちは",
    "Korean": "한국어",
    "Hindi": "हिन्दी",
    "Thai": "ไทย",
    "Amharic": "ኣማርኛ",
    "emoji": "🦊",
}


def nowhere(_char: str) -> Path | None:
    return None


@pytest.fixture
def fonts() -> Fonts:
    pygame.font.init()
    return Fonts(find=nowhere)


@pytest.mark.parametrize("face", ["sans", "mono", "bold"])
@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_scripts_that_bundled_fonts_have_are_drawn_as_they_are(text: str, face: str, fonts: Fonts) -> None:
    assert fonts.safe(text) == text
    drawn = fonts.render(text, face, 13, INK)
    assert drawn.get_width() == fonts.width(text, face, 13)
    assert pygame.mask.from_surface(drawn, 40).count() > len(text)


@pytest.mark.parametrize("text", LACKED.values(), ids=LACKED.keys())
def test_what_no_font_has_is_its_escape(text: str, fonts: Fonts) -> None:
    safe = fonts.safe(text)
    assert safe.isascii()
    assert safe.encode().decode("unicode_escape") == text


def test_controls_are_escapes_in_every_font(fonts: Fonts) -> None:
    assert fonts.safe("a\x07\u202e\u200d\ufeffb") == "a\\x07\\u202e\\u200d\\ufeffb"
    assert fonts.safe("a\nb\tc\rd") == "a↵b⇥c\\x0dd"
    assert all(map(fonts.drawable, VISIBLE.values()))


def test_a_font_of_the_machine_is_asked_for_once_a_block_and_only_where_needed() -> None:
    asked: list[str] = []

    def find(char: str) -> Path | None:
        asked.append(char)
        return FOLDER / "STIXSizOneSymReg.ttf"

    typefaces = Typefaces(find=find)
    assert typefaces.file("a", "sans") == FOLDER / "DejaVuSans.ttf"
    assert asked == []
    assert typefaces.file("你", "sans") is None, "what is found is looked into"
    assert typefaces.file("佀", "sans") is None
    assert asked == ["你"]


def test_a_font_of_ones_own_comes_before_those_of_the_machine() -> None:
    own, char = ODD
    assert Typefaces((own,), find=nowhere).file(char, "mono") == own
    assert Typefaces(find=nowhere).file(char, "mono") is None


def test_a_file_that_is_no_font_draws_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"nothing")
    assert Typefaces((broken,), find=nowhere).file("你", "sans") is None


def cut(text: str) -> list[tuple[str, bool]]:
    return [(run.text, run.leftward) for run in runs(text, lambda _: FOLDER / "DejaVuSans.ttf")]


def test_hebrew_in_a_line_of_latin_keeps_its_own_order() -> None:
    assert cut("abc שלום עולם def") == [("abc ", False), ("שלום עולם", True), (" def", False)]


def test_numbers_inside_arabic_read_from_left_to_right_in_its_order() -> None:
    for text, order in {
        "عام 1984 كتاب": ["كتاب", "1984", "عام"],
        "abc ١٢٣ مرحبا": ["abc", "مرحبا", "١٢٣"],
    }.items():
        pieces = [(piece.strip(), leftward) for piece, leftward in cut(text) if piece.strip()]
        assert [piece for piece, _ in pieces] == order
        assert [leftward for _, leftward in pieces] == [piece[0] in "كعم" for piece in order]


def test_latin_is_one_run_and_nothing_is_lost_or_doubled() -> None:
    assert runs("plain text", lambda _: FOLDER / "DejaVuSans.ttf") == (
        Run("plain text", FOLDER / "DejaVuSans.ttf"),
    )
    for text in (*SCRIPTS.values(), *LACKED.values(), "abc שלום (12) עולם, def ١٢٣ مرحبا"):
        assert sorted("".join(piece for piece, _ in cut(text))) == sorted(text)


def test_arabic_letters_are_joined(fonts: Fonts) -> None:
    apart = sum(fonts.width(char, "sans", 26) for char in "سلام")
    assert fonts.width("سلام", "sans", 26) < apart


def test_marks_take_no_room_of_their_own(fonts: Fonts) -> None:
    assert fonts.width("e\u0301", "sans", 26) == fonts.width("é", "sans", 26)


@pytest.mark.parametrize("text", [*SCRIPTS.values(), *LACKED.values()])
@pytest.mark.parametrize("room", [0, 7, 30, 90])
def test_any_text_can_be_cut_to_any_room(text: str, room: int, fonts: Fonts) -> None:
    assert fonts.width(fonts.fitted(text, "mono", 13, room), "mono", 13) <= room
    assert fonts.width(fonts.tail(text, "mono", 13, room), "mono", 13) <= room


def test_fontconfig_is_asked_for_a_font_that_has_the_character(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pygame.font.init()
    own, char = ODD
    program = tmp_path / "fc-match"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\nprintf %s {own}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert Fonts().safe(char) == char
    assert f"charset={ord(char):x}" in (tmp_path / "asked").read_text()


def test_without_fontconfig_there_are_the_bundled_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    pygame.font.init()
    monkeypatch.setenv("PATH", "")
    assert Fonts().safe("né 你") == "né \\u4f60"
