"""Clusters by how much they fire in a turn."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from llmri_clustering.evidence import Standard
from llmri_clustering.evidence.grouping import Grouping
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.history.store import Rows

TOGETHER = 12
"""Clusters that are selected together as the most active: a twentieth of a few hundred."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """Clusters by how much they fire in a turn.

    Attributes:
        atlas: The clusters.
        site: Their site.
        turn: The turn.
        scans: Scans that the turn has.
        reply: Whether it is of what the model wrote, or, before it writes, of what it reads.
        standard: Mean and deviation of each unit over the turns that are kept.
        turns: How many these are.
        against: Scans that these have.
        activity: Mean |z| over these tokens of each cluster, by ascending number, `[clusters]`.
        order: The clusters' numbers, the most active first.
    """

    atlas: Atlas
    site: str
    turn: int
    scans: int
    reply: bool
    standard: Standard
    turns: int
    against: int
    activity: npt.NDArray[np.float64]
    order: tuple[int, ...]

    @property
    def where(self) -> str:
        """Say what they fire in."""
        return f"{'reply' if self.reply else 'turn'} {self.turn}"

    def of(self, number: int) -> float:
        """Return a cluster's mean |z| over these tokens."""
        return float(self.activity[self.atlas.row_of[number]])

    def now(self, values: Rows) -> npt.NDArray[np.float64]:
        """Return each cluster's mean |z| in one scan of all units, `[clusters]`."""
        return firing(self.atlas, self.standard, values[None]).ravel()

    def leading(self, selected: Collection[int]) -> tuple[int, ...]:
        """Return the twelve most active clusters; where all of them are selected, the next twelve, too."""
        number = TOGETHER
        while number < len(self.order) and set(self.order[:number]) <= set(selected):
            number += TOGETHER
        return self.order[:number]


def firing(atlas: Atlas, standard: Standard, values: Rows) -> npt.NDArray[np.float64]:
    """Return the mean |z| of each cluster in scans `[scans, units]`; a unit that a scan lacks counts as 0."""
    z: Rows = np.nan_to_num(standard.z(values))
    clusters = _clusters(atlas)
    return clusters.sums(np.abs(z), axis=1) / clusters.sizes


@lru_cache(maxsize=4)
def _clusters(atlas: Atlas) -> Grouping:
    """Return the clusters' units, sorted once: a frame asks for their activity."""
    return Grouping.of(atlas.clustering.labels)
