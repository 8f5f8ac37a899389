"""What a cluster's firing is measured against: mean and deviation of each unit over every kept scan."""

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from llmri_clustering.evidence import Standard
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.history.store import Rows, ScanStore, TokenRef
from llmri_viewer.model.unit_selection import AtlasUnits

VALUES_AT_ONCE = 1 << 19  # taken in a frame, in some 4 ms
ROUNDING = float(np.finfo(np.float32).eps)  # of a unit's mean; a smaller deviation is none


class _TurnSums:
    """Sums over the scans of a turn that were taken, `[units]`."""

    def __init__(self, units: int) -> None:
        self.scans = 0
        self.last = 0  # the token taken last; the first of a turn, where attention parks, never is
        self.sum: npt.NDArray[np.float64] = np.zeros(units)
        self.squares: npt.NDArray[np.float64] = np.zeros(units)

    def add(self, token: int, row: Rows) -> None:
        values = row.astype(np.float64)
        self.scans += 1
        self.last = token
        self.sum += values
        self.squares += values * values


class Reference:
    """Takes kept scans in, a few at a time, and forgets turns as the store does.

    All scans count: a sample at even steps would meet sums of one form always at the same few tokens.

    Args:
        atlas: The clusters whose units are measured.
        site: Their site.

    Attributes:
        scans: How many were taken so far.
        complete: Whether all that are kept were taken.
    """

    def __init__(self, atlas: Atlas, site: str) -> None:
        self.atlas = atlas
        self.scans = 0
        self.complete = False
        self._site = site
        self._units = AtlasUnits(atlas)
        self._sums: dict[int, _TurnSums] = {}
        self._revision = -1  # of the store, when everything in it was taken

    @property
    def turns(self) -> int:
        """Count the turns that the scans come from."""
        return sum(sums.scans > 0 for sums in self._sums.values())

    def take(self, store: ScanStore) -> None:
        """Take in scans that came since, as many as a frame has time for; the others wait for the next."""
        if store.revision == self._revision:
            return
        turns = store.scanned_turns(self._site)
        self._sums = {turn: self._sums.get(turn) or _TurnSums(len(self._units)) for turn in turns}
        room = max(1, VALUES_AT_ONCE // max(1, len(self._units)))
        for turn, sums in self._sums.items():
            tokens = store.moments(turn, self._site)
            begin = bisect_right(tokens, sums.last)
            for token in tokens[begin : begin + room]:
                room -= self._add(sums, store, TokenRef(turn, token))
        self.complete = room > 0
        self._revision = store.revision if room else -1
        self.scans = sum(sums.scans for sums in self._sums.values())

    def standard(self) -> Standard | None:
        """Return mean and deviation of each unit over what was taken; None before the first scan."""
        if not self.scans:
            return None
        mean = np.sum([sums.sum for sums in self._sums.values()], axis=0) / self.scans
        squares = np.sum([sums.squares for sums in self._sums.values()], axis=0) / self.scans
        deviation = np.sqrt(np.maximum(squares - mean * mean, 0))
        deviation[deviation <= ROUNDING * np.abs(mean)] = 0
        return Standard(mean.astype(np.float32), deviation.astype(np.float32))

    def _add(self, sums: _TurnSums, store: ScanStore, moment: TokenRef) -> int:
        """Add a scan; give how many were read."""
        sheet = store.sheet(moment, self._site)
        row = self._units.read(sheet) if sheet is not None else None
        if row is None:
            return 0
        sums.add(moment.token, row)
        return 1
