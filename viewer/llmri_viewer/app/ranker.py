"""Finds which clusters fire most in the shown turn, against the turns that are kept."""

from dataclasses import replace

import numpy as np

from llmri_viewer import views
from llmri_viewer.app.reference import Reference
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.clusters.ranking import Ranking, firing
from llmri_viewer.model.history.store import Rows, ScanStore, TokenRef
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.unit_selection import AtlasUnits

MOST_SCANS = 32  # that stand for a turn
REFRESH_SECONDS = 0.3  # between two orders of a turn that goes on: rows that jump cannot be read


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
    sheets = [sheet for moment in spread if (sheet := store.sheet(moment, site)) is not None]
    rows = [row for sheet in sheets if (row := units.read(sheet)) is not None]
    return np.stack(rows) if rows else np.zeros((0, len(units)), np.float32)
