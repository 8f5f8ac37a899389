"""Finds which clusters fire most in the shown turn, against every scan of the turns that are kept."""

from bisect import bisect_right
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from llmri_clustering.evidence import Standard
from llmri_viewer import views
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.clusters.ranking import Ranking, firing
from llmri_viewer.model.history.store import Rows, ScanStore, TokenRef
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.unit_selection import AtlasUnits

MOST_SCANS = 32  # that stand for a turn
REFRESH_SECONDS = 0.3  # between two orders of a turn that goes on: rows that jump cannot be read
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
        sheet = store.scan(moment, self._site)
        row = self._units.read(sheet) if sheet is not None else None
        if row is None:
            return 0
        sums.add(moment.token, row)
        return 1


class Ranker:
    """Keeps the ranking of the shown turn up to date, though not at every token."""

    def __init__(self) -> None:
        self._waited = 0.0
        self._reference: Reference | None = None

    def advance(self, state: ViewState, store: ScanStore, seconds: float) -> ViewState:
        """Return the state so much later: the same one while its ranking holds."""
        self._waited += seconds
        atlas = state.atlas
        shown = views.of(state).of_clusters and atlas is not None and atlas.site == state.pane.site
        if atlas is None or state.time.at is None or not shown:
            return (
                state
                if state.clusters.ranking is None
                else replace(state, clusters=replace(state.clusters, ranking=None))
            )
        if self._reference is None or self._reference.atlas is not atlas:
            self._reference = Reference(atlas, state.pane.site)
        self._reference.take(store)
        known, turn = state.clusters.ranking, state.time.at.turn
        stands_on = (len(store.moments(turn, state.pane.site)), self._reference.scans)
        if known is not None and (known.atlas, known.turn) == (atlas, turn):
            due = self._waited >= REFRESH_SECONDS or (self._reference.complete and _silent(store))
            if (known.scans, known.against) == stands_on or not due:
                return state
        self._waited = 0.0
        return replace(
            state,
            clusters=replace(state.clusters, ranking=_ranked(self._reference, state.pane.site, turn, store)),
        )


def _ranked(reference: Reference, site: str, turn: int, store: ScanStore) -> Ranking | None:
    atlas, standard = reference.atlas, reference.standard()
    tokens = store.moments(turn, site)
    moments = [TokenRef(turn, token) for token in tokens if token > 0]  # attention parks on the first
    written = [moment for moment in moments if _written(store, moment)]
    values = _values(atlas, site, written or moments, store)
    if standard is None or not len(values):
        return None
    means = firing(atlas, standard, values).mean(axis=0)
    numbers = [cluster.number for cluster in atlas.clustering.clusters]
    return Ranking(
        atlas,
        site,
        turn,
        scans=len(tokens),
        reply=bool(written),
        standard=standard,
        turns=reference.turns,
        against=reference.scans,
        activity=means,
        order=tuple(numbers[row] for row in np.argsort(-means, kind="stable")),
    )


def _silent(store: ScanStore) -> bool:
    """Tell whether the newest turn is over, so that its order is the last."""
    return store.turns[store.order[-1]].end is not None


def _written(store: ScanStore, moment: TokenRef) -> bool:
    """Tell whether the model wrote the token."""
    token = store.turns[moment.turn].tokens.get(moment.token)
    return token is not None and token.phase == "generate"


def _values(atlas: Atlas, site: str, moments: list[TokenRef], store: ScanStore) -> Rows:
    """Return the units of the clusters at tokens spread evenly over some, `[tokens, units]`."""
    units = AtlasUnits(atlas)
    spread = moments[:: max(1, -(-len(moments) // MOST_SCANS))]
    sheets = [sheet for moment in spread if (sheet := store.scan(moment, site)) is not None]
    rows = [row for sheet in sheets if (row := units.read(sheet)) is not None]
    return np.stack(rows) if rows else np.zeros((0, len(units)), np.float32)
