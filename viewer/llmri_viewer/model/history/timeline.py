"""All kept turns along one line, token after token: where a moment lies, and what is known there."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from llmri_viewer.model.history.store import NOTHING, ScanStore, TokenRef
from llmri_viewer.model.history.under import Passes, Under

Codes = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.intp]
EMPTY, READ, WRITTEN, GONE, READ_KEPT, WRITTEN_KEPT = range(6)
"""What a place of the line shows: nothing; a token read or written without a scan; one whose scan was let go;
one read or written with its scan. Where several share a place, the last of these wins."""


@dataclass(frozen=True)
class Timeline:
    """The turns in order, and the place of each one's first token, counted in tokens; last the line's end."""

    turns: tuple[int, ...]
    starts: tuple[int, ...]

    @property
    def length(self) -> int:
        """How many places there are."""
        return self.starts[-1]

    def place(self, moment: TokenRef) -> float:
        """The middle of a moment's place as a share of the line; the nearest end of a turn not on it."""
        at = bisect_right(self.turns, moment.turn) - 1
        if at < 0 or not self.length:
            return 0.0
        inside = min(self.starts[at] + moment.token, self.starts[at + 1] - 1)
        if self.turns[at] != moment.turn:
            inside = self.starts[at + 1] - 1
        return (inside + 0.5) / self.length

    def moment(self, share: float) -> TokenRef | None:
        """Return the moment at a share of the line, the ends beyond them; None where there is nothing."""
        if not self.length:
            return None
        place = min(max(0, int(share * self.length)), self.length - 1)
        at = bisect_right(self.starts, place, hi=len(self.turns)) - 1
        return TokenRef(self.turns[at], place - self.starts[at])


def timeline_of(store: ScanStore) -> Timeline:
    """Return the line of all turns that have tokens."""
    return _timeline(store, store.revision)


@lru_cache(maxsize=2)
def _timeline(store: ScanStore, _revision: int) -> Timeline:
    turns, starts = [], [0]
    for number in store.order:
        length = store.turns[number].length
        if length:
            turns.append(number)
            starts.append(starts[-1] + length)
    return Timeline(tuple(turns), tuple(starts))


def edit_changes(line: Timeline, store: ScanStore) -> Indices:
    """Return the places of the line from which on passes were computed under other edits, ascending."""
    found: list[Indices] = [np.empty(0, np.intp)]
    before: Under | None = None
    for number, start in zip(line.turns, line.starts, strict=False):
        passes = store.turns[number].passes
        found.append(start + _changed(passes, before))
        before = passes.last or before
    return np.concatenate(found)


def changed_in(store: ScanStore, turn: int) -> Indices:
    """The tokens of a turn from which on the edits were others; the first where they changed before."""
    at = bisect_left(store.order, turn)
    earlier = (store.turns[store.order[place]].passes.last for place in range(at - 1, -1, -1))
    return _changed(store.turns[turn].passes, next(filter(None, earlier), None))


def _changed(passes: Passes, before: Under | None) -> Indices:
    if passes.first is None or before is None or not passes.first.changed_since(before):
        return passes.changes
    return np.concatenate([np.zeros(1, np.intp), passes.changes])


def codes(line: Timeline, store: ScanStore, site: str, width: int) -> Codes:
    """Return what each of `width` pixels of the line shows, `[width]`."""
    starts, turns = np.asarray(line.starts, np.intp), [store.turns[number] for number in line.turns]
    first, end = starts[:-1], starts[1:]
    by_turn = [turn.sheets.get(site, NOTHING) for turn in turns]
    read = first + np.asarray([turn.read for turn in turns], np.intp)
    gone = first + np.asarray([scans.gone_to for scans in by_turn], np.intp)
    runs = [scans.runs for scans in by_turn]
    kept = np.concatenate([NOTHING.runs, *runs], axis=1)
    kept = kept + np.repeat(first, [each.shape[1] for each in runs])
    scale = width / max(1, line.length)

    def covered(firsts: Indices, ends: Indices) -> npt.NDArray[np.bool_]:
        return _covered(np.stack([firsts, ends])[:, ends > firsts], scale, width)

    written = covered(read, end)
    found = np.where(written, WRITTEN, np.where(covered(first, np.minimum(read, end)), READ, EMPTY))
    found[covered(first, gone)] = GONE
    there = _covered(kept, scale, width)
    found[there] = np.where(written, WRITTEN_KEPT, READ_KEPT)[there]
    return found.astype(np.uint8)


def _covered(spans: Indices, scale: float, width: int) -> npt.NDArray[np.bool_]:
    """Tell which pixels stretches cover, `scale` of them a place; each stretch covers one at least."""
    lefts = np.minimum((spans[0] * scale).astype(np.intp), width - 1)
    ends = np.maximum(lefts + 1, np.minimum((spans[1] * scale).astype(np.intp), width))
    steps = np.bincount(lefts, minlength=width + 1) - np.bincount(ends, minlength=width + 1)
    return np.asarray(np.cumsum(steps)[:width] > 0)
