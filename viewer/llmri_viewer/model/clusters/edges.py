"""The strongest correlations as pairs of units, those of the selection first."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from llmri_clustering.correlation import Partners, strongest_pairs
from llmri_viewer.model.clusters.atlas import Atlas, Places, chosen

MOST = 300  # more lines than that are a felt


@dataclass(frozen=True, eq=False)
class Edges:
    """Pairs of units, the strongest first.

    Attributes:
        pairs: Indices of the clusters' set, `[pairs, 2]`.
        r: The correlation of each, `[pairs]`.
        selected: Whether they are of the selection, or else of all units.
    """

    pairs: npt.NDArray[np.int32]
    r: npt.NDArray[np.float32]
    selected: bool

    @property
    def words(self) -> str:
        """Say what they are."""
        if not len(self.r):
            return "no correlations to draw"
        least, most = np.abs(self.r[[-1, 0]]).tolist()
        whose = " of the selection" if self.selected else ""
        span = f"|r| {least:.2f} to {most:.2f}" + (", dashed below zero" if (self.r < 0).any() else "")
        return f"lines: the {len(self.r)} strongest correlations{whose}, {span}"


@lru_cache(maxsize=4)
def edges_of(atlas: Atlas, partners: Partners, selection: Places) -> Edges:
    """Return the strongest pairs with a selected unit in them; without a selection those of all units."""
    among = chosen(atlas, selection)
    selected = bool(among.any())
    pairs, r = strongest_pairs(partners, MOST, among if selected else None)
    return Edges(pairs, r, selected)
