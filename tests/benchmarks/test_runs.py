"""Void runs are tried again, and the last one stands as what it is."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks import runs
from benchmarks.foreign import ForeignCpu
from benchmarks.pairs import spread
from benchmarks.report import Row
from benchmarks.runs import Advance, Findings, run


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replace the foreign shares seen by those listed here, one an attempt."""
    shares: list[float] = []

    @contextmanager
    def watch() -> Iterator[ForeignCpu]:
        foreign = ForeignCpu()
        yield foreign
        foreign.share = shares.pop(0)

    monkeypatch.setattr(runs, "watch_foreign_cpu", watch)
    return shares


def measured() -> tuple[int, float, list[str]]:
    """Return the attempt kept, its foreign share, and the titles that progress showed."""
    attempts = iter(range(1, 10))
    titles: list[str] = []

    def track(title: str, _steps: int) -> Advance:
        titles.append(title)
        return lambda: None

    def judge(attempt: int) -> Findings:
        return Findings((Row("attempt", spread([attempt])),))

    section = run("Speed", 1, lambda _advance: next(attempts), judge, track)
    assert section.attempts == section.rows[0].spread.median
    return section.attempts, section.foreign.share, titles


def test_a_quiet_run_stands(busy: list[float]) -> None:
    busy[:] = [0.05]
    assert measured() == (1, 0.05, ["Speed"])


def test_a_void_run_is_tried_again(busy: list[float]) -> None:
    busy[:] = [0.5, 0.02]
    attempts, share, titles = measured()
    assert (attempts, share) == (2, 0.02)
    assert titles[1] == "Speed, attempt 2 of 3: the machine was busy"


def test_the_last_attempt_stands_even_if_void(busy: list[float]) -> None:
    busy[:] = [0.5, 0.4, 0.3]
    assert measured()[:2] == (3, 0.3)
