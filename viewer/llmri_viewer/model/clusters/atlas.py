"""A clustering made ready to be shown: its circles packed once, and where each unit is to be found."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Self

import numpy as np
import numpy.typing as npt

from llmri_clustering.clusters import Clustering
from llmri_clustering.packing import Packing, pack_circles
from llmri_protocol.messages import ModelCard
from llmri_viewer.model.clusters.levels import worth_drawing

PADDING = 0.12  # around units and groups, in radii of a unit
Places = frozenset[tuple[int, int]]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Atlas:
    """Clusters, their circles, and the way from a place (layer, unit) to an index of the set.

    Attributes:
        clustering: The clusters, with the levels that are drawn.
        packing: Their circles.
        whole: The clusters with all their levels, as they are saved.
    """

    clustering: Clustering
    packing: Packing
    whole: Clustering

    @classmethod
    def of(cls, clustering: Clustering) -> Self:
        """Pack the circles of a clustering, without the levels that are not worth their room."""
        drawn = worth_drawing(clustering)
        return cls(drawn, pack_circles(drawn.nesting, padding=PADDING), clustering)

    @classmethod
    def packed(cls, clustering: Clustering, packing: Packing) -> Self:
        """Take circles that were packed before, by the same rules."""
        return cls(worth_drawing(clustering), packing, clustering)

    @property
    def site(self) -> str:
        """The site the units belong to."""
        return self.clustering.units.site

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """The layers that have units in the set, ascending."""
        return tuple(np.unique(self.clustering.units.layer).tolist())

    @cached_property
    def drawn(self) -> npt.NDArray[np.bool_]:
        """Whether a unit has a circle, `[units]`."""
        return np.isfinite(self.packing.units[:, 0])

    @cached_property
    def group_cluster(self) -> Ints:
        """The cluster each group is, or lies in, `[groups]`; -1 outside all."""
        numbers = self.clustering.group_cluster.astype(np.intp)
        for group, parent in enumerate(self.clustering.nesting.parent[1:], 1):
            if numbers[group] < 0:
                numbers[group] = numbers[parent]
        return numbers

    @cached_property
    def cluster_group(self) -> dict[int, int]:
        """The group that each cluster is."""
        groups = np.flatnonzero(self.clustering.group_cluster >= 0)
        return dict(zip(self.clustering.group_cluster[groups].tolist(), groups.tolist(), strict=True))

    @cached_property
    def row_of(self) -> dict[int, int]:
        """The place of each cluster's number among the ascending ones."""
        return {cluster.number: row for row, cluster in enumerate(self.clustering.clusters)}

    @cached_property
    def below_null(self) -> frozenset[int]:
        """The numbers of the clusters that chance explains as well."""
        return frozenset(cluster.number for cluster in self.clustering.clusters if not cluster.real)

    @cached_property
    def _indices(self) -> Ints:
        """The set's index of each place, `[layers, units of a layer]`; -1 for a place outside the set."""
        units = self.clustering.units
        table = np.full((units.layer.max() + 1, units.index.max() + 1), -1, np.intp)
        table[units.layer, units.index] = np.arange(len(units))
        return table

    def index(self, layer: int, unit: int) -> int | None:
        """Return the set's index of a place, None where it is not of the set."""
        table = self._indices
        if not (0 <= layer < table.shape[0] and 0 <= unit < table.shape[1]):
            return None
        index = int(table[layer, unit])
        return index if index >= 0 else None

    def place(self, index: int) -> tuple[int, int]:
        """Return the layer and unit of an index."""
        units = self.clustering.units
        return int(units.layer[index]), int(units.index[index])

    def places(self, number: int) -> Places:
        """Return the places of a cluster's units."""
        units, members = self.clustering.units, self.clustering.members(number)
        return frozenset(zip(units.layer[members].tolist(), units.index[members].tolist(), strict=True))

    def misfit(self, card: ModelCard) -> str:
        """Say why the clusters cannot be of this model; empty where they can."""
        units = self.clustering.units
        site = next((site for site in card.sites if site.name == self.site), None)
        if site is None:
            known = ", ".join(site.name for site in card.sites)
            return f"the clusters are of site {self.site}; {card.name} has {known}"
        if self.layers[-1] >= card.layers:
            return (
                f"the clusters reach to layer {self.layers[-1]}; "
                f"{card.name} has layers 0\N{EN DASH}{card.layers - 1}"
            )
        width = int(units.index.max()) + 1
        whole = len(units) == width * len(self.layers)
        if width > site.width or (whole and width != site.width):
            return f"the clusters are of {width} units a layer at {self.site}; {card.name} has {site.width}"
        return ""


@lru_cache(maxsize=4)
def chosen(atlas: Atlas, places: Places) -> npt.NDArray[np.bool_]:
    """Tell which units of the set are among some places, `[units]`."""
    found = np.zeros(len(atlas.clustering.units), np.bool_)
    indices = [index for place in places if (index := atlas.index(*place)) is not None]
    found[indices] = True
    return found


@lru_cache(maxsize=4)
def chosen_clusters(atlas: Atlas, places: Places) -> tuple[int, ...]:
    """Return the clusters that some places hold whole, ascending."""
    inside = chosen(atlas, places)
    labels = atlas.clustering.labels
    return tuple(
        cluster.number for cluster in atlas.clustering.clusters if inside[labels == cluster.number].all()
    )
