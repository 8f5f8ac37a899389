"""Verdicts and tables."""

import io

from rich.console import Console

from benchmarks.document import page
from benchmarks.foreign import ForeignCpu
from benchmarks.pairs import Spread
from benchmarks.report import (
    Account,
    Gate,
    Row,
    Section,
    Verdict,
    microseconds,
    percent,
    plain,
    to_markdown,
    to_terminal,
)

FAST = Row("fast", Spread(0.4, 0.3, 0.5, 8), Gate(0.6))
SLOW = Row("slow", Spread(0.7, 0.5, 0.9, 8), Gate(0.6))
TOLD = Row("told", Spread(0.00012, 0.0001, 0.0002, 8), write=microseconds)


def section(*rows: Row, foreign: float = 0.01) -> Section:
    return Section("Speed", ("A note.",), rows, ForeignCpu(foreign), attempts=3)


def test_a_gate_holds_for_the_median() -> None:
    here = section(FAST, SLOW, TOLD)
    assert [here.verdict(row) for row in here.rows] == [Verdict.MET, Verdict.MISSED, Verdict.NONE]
    assert here.missed


def test_a_gate_may_ask_for_more() -> None:
    assert Gate(0.85, at_most=False).met_by(0.85)
    assert not Gate(0.85, at_most=False).met_by(0.84)


def test_a_void_run_meets_and_misses_nothing() -> None:
    here = section(FAST, SLOW, foreign=0.3)
    assert {here.verdict(row) for row in here.rows} == {Verdict.VOID}
    assert not here.missed
    assert here.weather.startswith("VOID, the last of 3 attempts. Foreign CPU: 30.00 % of the machine")


def test_figures_are_written_to_three_places() -> None:
    assert [plain(figure) for figure in (0.04, 1.03, 12.345, 8400.4)] == ["0.04", "1.03", "12.3", "8,400"]
    assert percent(0.00231) == "0.23 %"
    assert microseconds(217e-6) == "217 µs"


def test_markdown_has_a_row_for_each_row() -> None:
    assert to_markdown(section(FAST, SLOW, TOLD)) == (
        "## Speed\n"
        "\n"
        "| measured | median | quartiles | gate |  |\n"
        "| --- | ---: | ---: | ---: | --- |\n"
        "| fast | 0.4 | 0.3 to 0.5 | ≤ 0.6 | met |\n"
        "| slow | 0.7 | 0.5 to 0.9 | ≤ 0.6 | missed |\n"
        "| told | 120 µs | 100 µs to 200 µs |  |  |\n"
        "\n"
        "Foreign CPU: 1.00 % of the machine.\n"
        "\n"
        "A note.\n"
    )


def test_the_terminal_shows_the_same_numbers() -> None:
    printed = io.StringIO()
    Console(width=120, file=printed).print(to_terminal(section(FAST)))
    text = printed.getvalue()
    assert "fast" in text
    assert "0.3 to 0.5" in text
    assert "met" in text


def test_an_account_is_a_table_of_its_own_that_nobody_judges() -> None:
    told = Account("Skills", ("A note.",), ("ablated", "units", "sums"), (("nothing", "0", "98%"),))
    assert not told.missed
    assert not told.void
    assert to_markdown(told) == (
        "## Skills\n\n| ablated | units | sums |\n| --- | ---: | ---: |\n| nothing | 0 | 98% |\n\nA note.\n"
    )
    printed = io.StringIO()
    Console(width=120, file=printed).print(to_terminal(told))
    assert "98%" in printed.getvalue()
    assert "A note." in printed.getvalue()
    assert "## Skills" in page([section(FAST), told])


def test_the_page_names_the_machine_and_holds_every_section() -> None:
    text = page([section(FAST), section(SLOW)])
    assert "| processor |" in text
    assert text.count("## Speed") == 2
