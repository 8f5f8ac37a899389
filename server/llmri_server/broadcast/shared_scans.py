"""A scan on its way from the model to the viewers: described once, shaped to each viewer's wish."""

import math
import threading
from functools import lru_cache

import numpy as np

from llmri_protocol.arrays import Floats, floats, row_stats, scan_message
from llmri_protocol.messages import Scan, Stats, WishedDtype
from llmri_server.runtime import ScanEvent

# Below this share of the mean square, a variance taken as a difference has lost its digits in float32.
CANCELLATION = 1e-3
# Longer rows make OpenBLAS start threads for one dot product, and those spin on the model's cores.
LONGEST_DOT = 8192

Selection = slice | list[int]


class SharedScan:
    """One scan and what the senders of several viewers work out about it, each thing once.

    Making it costs the model's thread next to nothing; everything else happens in the senders.
    """

    __slots__ = ("_floats", "_lock", "_stats", "event", "nbytes", "time", "turn")

    def __init__(self, turn: int, time: float, event: ScanEvent) -> None:
        self.turn = turn
        self.time = time
        self.event = event
        self.nbytes: int = event.rows.nbytes
        self._lock = threading.Lock()
        self._floats: Floats | None = None
        self._stats: Stats | None = None

    def message(self, layers: tuple[int, ...], wish: WishedDtype) -> Scan | None:
        """Return the message for a viewer that wants these layers; None where none of them is here."""
        chosen, selection = choose(self.event.layers, layers)
        if not chosen:
            return None
        wide, stats = self._described()
        native = wish in {"native", self.event.dtype}
        return scan_message(
            (self.event.rows if native else wide)[selection],
            self.event.dtype if native else "f32",
            turn=self.turn,
            token=self.event.number,
            phase=self.event.phase,
            site=self.event.site,
            layers=chosen,
            time=self.time,
            wish="native" if native else wish,
            stats=stats_of(stats, selection),
        )

    def _described(self) -> tuple[Floats, Stats]:
        """Return the rows as float32, and their statistics; the first sender to ask works them out."""
        with self._lock:
            if self._floats is None:
                self._floats = floats(self.event.rows, self.event.dtype)
            if self._stats is None:
                self._stats = fast_row_stats(self._floats)
            return self._floats, self._stats


@lru_cache(maxsize=256)
def choose(here: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[tuple[int, ...], Selection]:
    """Return the wanted layers that are here, and their rows: a slice, which copies nothing, where it can."""
    if here == wanted:
        return here, slice(None)
    wish = frozenset(wanted)
    rows = [row for row, layer in enumerate(here) if layer in wish]
    chosen = tuple(here[row] for row in rows)
    if rows and rows[-1] - rows[0] + 1 == len(rows):
        return chosen, slice(rows[0], rows[-1] + 1)
    return chosen, rows


def fast_row_stats(rows: Floats) -> Stats:
    """Return `row_stats` of float32 rows, `[layers, width]`, in less of its time.

    Sums are dot products, and the variance is the mean square less the squared mean. Where that would
    lose digits, or something is not finite, `row_stats` itself is asked.
    """
    width = rows.shape[1]
    moments = np.empty((4, len(rows)), np.float32)
    low, high, mean, spread = moments
    np.minimum.reduce(rows, axis=1, out=low)
    np.maximum.reduce(rows, axis=1, out=high)
    with np.errstate(over="ignore", invalid="ignore"):
        _sums(rows, mean, spread)
        mean /= width
        spread /= width
        least = CANCELLATION * spread
        spread -= mean * mean
        trusted = bool((spread > least).all()) and math.isfinite(spread.sum())
    if not trusted:
        return row_stats(rows, "f32")
    np.sqrt(spread, out=spread)
    lows, highs, means, stds = moments.tolist()
    return Stats(min=tuple(lows), max=tuple(highs), mean=tuple(means), std=tuple(stds))


def stats_of(stats: Stats, rows: Selection) -> Stats:
    """Return the statistics of some rows."""
    if rows == slice(None):
        return stats
    columns = (stats.min, stats.max, stats.mean, stats.std)
    if isinstance(rows, slice):
        low, high, mean, std = (column[rows] for column in columns)
    else:
        low, high, mean, std = (tuple(column[row] for row in rows) for column in columns)
    return Stats(min=low, max=high, mean=mean, std=std)


def _sums(rows: Floats, totals: Floats, squares: Floats) -> None:
    """Write the sum of each row, and that of its squares."""
    if rows.shape[1] > LONGEST_DOT:
        np.add.reduce(rows, axis=1, out=totals)
        np.einsum("ij,ij->i", rows, rows, out=squares)
    else:
        np.vecdot(rows, _ones(rows.shape[1]), out=totals)
        np.vecdot(rows, rows, out=squares)


@lru_cache(maxsize=8)
def _ones(width: int) -> Floats:
    return np.ones(width, np.float32)
