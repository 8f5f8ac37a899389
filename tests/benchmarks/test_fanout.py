"""What is measured is a viewer whose queue is full, however late it learns so."""

from types import SimpleNamespace
from typing import cast

import pytest

from benchmarks import fanout
from benchmarks.fanout import Pair, lost
from benchmarks.viewers import Viewer


class Reporting:
    """A viewer that is told what it lost after some reports."""

    def __init__(self, dropped: int, after: int) -> None:
        self._dropped = dropped
        self._left = after

    def tell(self, order: str) -> None:
        assert order == "read"

    def report(self) -> tuple[int, int]:
        self._left -= 1
        return 18, self._dropped if self._left < 0 else 0


def lost_of(dropped: int, *, after: int = 0) -> int:
    pair = SimpleNamespace(sent=1000, room=300)
    return lost(cast("Viewer", Reporting(dropped, after)), cast("Pair", pair))


def test_a_viewer_that_learns_late_what_it_lost_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "POLL", 0.0)
    assert lost_of(800, after=500) == 800


def test_a_viewer_that_lost_less_than_found_no_room_was_not_full() -> None:
    assert lost_of(700) == 700
    with pytest.raises(RuntimeError, match="lost 699 of 1000 scans, expected all but 300"):
        lost_of(699)


def test_a_viewer_that_is_told_nothing_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "PATIENCE", 0.0)
    with pytest.raises(TimeoutError, match="told of no lost scan"):
        lost_of(800, after=500)
