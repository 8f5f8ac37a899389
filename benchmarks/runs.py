"""A run: measured while the machine is watched, and again where others were using it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.foreign import watch_foreign_cpu
from benchmarks.report import Row, Section

T = TypeVar("T")

ATTEMPTS = 3

Advance = Callable[[], None]  # called after each step
Track = Callable[[str, int], Advance]  # shows the progress of something of so many steps


@dataclass(frozen=True)
class Findings:
    """What one run found out: rows of a table, and sentences on how they came about."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def run(
    title: str, steps: int, measure: Callable[[Advance], T], judge: Callable[[T], Findings], track: Track
) -> Section:
    """Measure until the machine was quiet, at most `ATTEMPTS` times; the last attempt stands, void or not.

    Args:
        title: What is measured.
        steps: How often `measure` calls what it is given.
        measure: Does the work that is watched.
        judge: Works out the rows afterwards.
        track: Shows progress.
    """
    attempt = 0
    while True:
        attempt += 1
        suffix = "" if attempt == 1 else f", attempt {attempt} of {ATTEMPTS}: the machine was busy"
        advance = track(title + suffix, steps)
        with watch_foreign_cpu() as foreign:
            measured = measure(advance)
        if not foreign.void or attempt == ATTEMPTS:
            findings = judge(measured)
            return Section(title, findings.notes, findings.rows, foreign, attempt)
