"""Finds which clusters fire most in the shown turn, against the turns that are kept."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from llmri_clustering.evidence import Standard
from llmri_viewer.clusters.atlas import Atlas
from llmri_viewer.clusters.ranking import Ranking, firing
from llmri_viewer.history.store import Moment, Rows, ScanStore
from llmri_viewer.shown.subject import AtlasUnits
from llmri_viewer.state import ViewState

MOST_SCANS = 64  # that stand for all turns, and half as many for one
REFRESH_SECONDS = 0.3  # between two orders of a turn that goes on: rows that jump cannot be read
OF_CLUSTERS = frozenset({"circles", "hebbian"})


class Ranker:
    """Keeps the ranking of the shown turn up to date, though not at every token."""

    def __init__(self) -> None:
        self._waited = 0.0
        self._reference: tuple[Atlas, tuple[int, ...], Standard] | None = None

    def advance(self, state: ViewState, store: ScanStore, seconds: float) -> ViewState:
        """Give the state so much later: the same one while its ranking holds."""
        self._waited += seconds
        atlas = state.clusters
        if atlas is None or state.at is None or state.view not in OF_CLUSTERS or atlas.site != state.site:
            return state if state.ranking is None else replace(state, ranking=None)
        known, scans = state.ranking, len(store.moments(state.at.turn, state.site))
        same = known is not None and (known.atlas, known.turn) == (atlas, state.at.turn)
        if known is not None and same and (known.scans == scans or self._waited < REFRESH_SECONDS):
            return state
        self._waited = 0.0
        return replace(state, ranking=self._ranked(atlas, state.site, state.at.turn, store))

    def _ranked(self, atlas: Atlas, site: str, turn: int, store: ScanStore) -> Ranking | None:
        standard, turns = self._standard(atlas, site, store)
        moments = _moments(store, site, (turn,))
        written = [moment for moment in moments if _written(store, moment)]
        values = _values(atlas, site, _spread(written or moments, MOST_SCANS // 2), store)
        if standard is None or not len(values):
            return None
        means = firing(atlas, standard, values).mean(axis=0)
        numbers = [cluster.number for cluster in atlas.clustering.clusters]
        order = tuple(numbers[row] for row in np.argsort(-means, kind="stable"))
        scans = len(store.moments(turn, site))
        return Ranking(atlas, site, turn, scans, bool(written), standard, turns, means, order)

    def _standard(self, atlas: Atlas, site: str, store: ScanStore) -> tuple[Standard | None, int]:
        """Give mean and deviation over all turns, measured again where another turn has come or gone."""
        turns = tuple(store.scanned_turns(site))
        known = self._reference
        if known is not None and known[:2] == (atlas, turns) and len(turns) > 1:
            return known[2], len(turns)
        values = _values(atlas, site, _spread(_moments(store, site, turns), MOST_SCANS), store)
        if not len(values):
            return None, 0
        self._reference = atlas, turns, Standard.of(values)
        return self._reference[2], len(turns)


def _moments(store: ScanStore, site: str, turns: Sequence[int]) -> list[Moment]:
    """Give the scanned tokens of some turns; first ones, where attention parks, are left out."""
    return [Moment(turn, token) for turn in turns for token in store.moments(turn, site) if token > 0]


def _written(store: ScanStore, moment: Moment) -> bool:
    """Tell whether the model wrote the token."""
    token = store.turns[moment.turn].tokens.get(moment.token)
    return token is not None and token.phase == "generate"


def _spread(moments: Sequence[Moment], most: int) -> Sequence[Moment]:
    """Give some of the tokens, spread evenly."""
    return moments[:: max(1, -(-len(moments) // most))]


def _values(atlas: Atlas, site: str, moments: Sequence[Moment], store: ScanStore) -> Rows:
    """Give the units of the clusters at some tokens, `[tokens, units]`."""
    units = AtlasUnits(atlas)
    sheets = [sheet for moment in moments if (sheet := store.sheet(moment, site)) is not None]
    rows = [row for sheet in sheets if (row := units.read(sheet)) is not None]
    return np.stack(rows) if rows else np.zeros((0, len(units)), np.float32)
