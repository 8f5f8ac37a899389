"""A scan on its way from the model to the viewers: described once, shaped to each viewer's wish."""

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
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
    """One scan and what the senders of several viewers work out about it, each thing once, if asked for.

    Making it costs the model's thread next to nothing; everything else happens in the senders.

    Args:
        turn: The turn's number.
        time: When it was computed, in seconds since 1970-01-01 UTC.
        event: What the runtime told.
        revision: Of the edits of its pass, where that is known.
        command: The command that it answers; None in the conversation.
        recomputed: Whether it was computed again later.
    """

    __slots__ = (
        "_floats",
        "_lock",
        "_stats",
        "command",
        "event",
        "nbytes",
        "recomputed",
        "revision",
        "time",
        "turn",
    )

    def __init__(
        self,
        turn: int,
        time: float,
        event: ScanEvent,
        *,
        revision: int | None = None,
        command: int | None = None,
        recomputed: bool = False,
    ) -> None:
        self.turn = turn
        self.time = time
        self.event = event
        self.revision = revision
        self.command = command
        self.recomputed = recomputed
        self.nbytes: int = event.rows.nbytes
        self._lock = threading.Lock()
        self._floats: Floats | None = None
        self._stats: Stats | None = None

    def message(self, layers: tuple[int, ...], wish: WishedDtype, *, stats: bool = False) -> Scan | None:
        """Return the message for a viewer that wants these layers; None where none of them is here.

        Args:
            layers: Which layers.
            wish: The dtype; f16 that a value is too large for is f32.
            stats: Whether it carries statistics; u8 always does.
        """
        chosen, selection = choose(self.event.layers, layers)
        if not chosen:
            return None
        native = wish in {"native", self.event.dtype}
        return scan_message(
            (self.event.rows if native else self._wide())[selection],
            self.event.dtype if native else "f32",
            turn=self.turn,
            token=self.event.number,
            phase=self.event.phase,
            site=self.event.site,
            layers=chosen,
            time=self.time,
            wish="native" if native else wish,
            stats=stats_of(self._described(), selection) if stats or wish == "u8" else None,
            revision=self.revision,
            command=self.command,
            recomputed=self.recomputed,
        )

    def _wide(self) -> Floats:
        """Return the rows as float32; the first sender to ask works them out."""
        with self._lock:
            return self._widened()

    def _described(self) -> Stats:
        """Return the rows' statistics; the first sender to ask works them out."""
        with self._lock:
            if self._stats is None:
                self._stats = fast_row_stats(self._widened())
            return self._stats

    def _widened(self) -> Floats:
        """Return the rows as float32; the lock is held."""
        if self._floats is None:
            self._floats = floats(self.event.rows, self.event.dtype)
        return self._floats


@dataclass(frozen=True)
class AnswerScan:
    """A scan that answers a command, with what that command asked for."""

    scan: SharedScan
    layers: tuple[int, ...]
    dtype: WishedDtype
    stats: bool

    def messages(self) -> Iterator[Scan]:
        """Yield its message, if any of the layers is there."""
        message = self.scan.message(self.layers, self.dtype, stats=self.stats)
        if message is not None:
            yield message


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
