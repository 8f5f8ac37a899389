"""Units along a line of pixels: which of them each pixel shows, so that no peak is lost."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from llmri_viewer.model.history.store import Rows
from llmri_viewer.model.layout.reach import Reach

Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

ROUNDING = 1e-9  # of a unit


@dataclass(frozen=True, eq=False)
class Columns:
    """The units of each pixel: from `first` to before `stop`, `[pixels]` both.

    Where there are more units than pixels, each unit in sight belongs to exactly one pixel; else each pixel
    shows exactly one unit.
    """

    first: Ints
    stop: Ints

    @cached_property
    def single(self) -> bool:
        """Whether each pixel shows one unit."""
        return bool((self.stop - self.first == 1).all())

    @property
    def pixels_a_unit(self) -> float:
        """How wide a unit is."""
        return len(self.first) / int(self.stop[-1] - self.first[0])

    def pixels(self, unit: int) -> tuple[int, int]:
        """Return the pixels of a unit, from the first to before the last; the same twice out of sight."""
        if self.single:
            start, end = np.searchsorted(self.first, [unit, unit + 1]).tolist()
            return start, end
        if not self.first[0] <= unit < self.stop[-1]:
            return 0, 0
        at = int(np.searchsorted(self.first, unit, side="right")) - 1
        return at, at + 1

    def middles(self, units: int) -> Floats:
        """Return the middle of each of so many units, in pixels, `[units]`; NaN out of sight."""
        every = np.arange(units)
        end = np.searchsorted(self.first, every + 1).astype(np.float64)
        start = np.searchsorted(self.first, every) if self.single else end - 1
        seen = (every >= self.first[0]) & (every < self.stop[-1]) & (end > start)
        return np.where(seen, (start + end) / 2, np.nan)

    def strongest(self, rows: Rows) -> Rows:
        """Return the value of largest magnitude in each pixel, `[..., units]` in and `[..., pixels]` out.

        What is not known, NaN, counts for nothing beside what is.
        """
        if self.single:
            return rows[..., self.first]
        seen = rows[..., self.first[0] : self.stop[-1]]
        starts = self.first - self.first[0]
        high = np.fmax.reduceat(seen, starts, axis=-1)
        low = np.fmin.reduceat(seen, starts, axis=-1)
        return np.where(high >= -low, high, low)

    def strongest_at(self, row: Rows, pixel: int) -> int:
        """Return the unit whose value a pixel shows, of a row `[units]`."""
        first = int(self.first[pixel])
        seen = row[first : int(self.stop[pixel])]
        high, low = np.fmax.reduce(seen), np.fmin.reduce(seen)
        return first + int((seen == (high if high >= -low else low)).argmax())


@lru_cache(maxsize=16)
def columns(units: int, reach: Reach, pixels: int) -> Columns:
    """Stretch the part in sight of so many units over so many pixels."""
    edges = (reach.start + np.arange(pixels + 1) / pixels * reach.length) * units
    if reach.length * units <= pixels:
        first = np.floor((edges[:-1] + edges[1:]) / 2).astype(np.intp).clip(0, units - 1)
        return Columns(first, first + 1)
    whole = np.floor(edges + ROUNDING).astype(np.intp).clip(0, units)
    return Columns(whole[:-1], whole[1:])
