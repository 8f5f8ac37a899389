"""A finished clustering, as a value: what is saved, loaded and drawn."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from llmri_clustering.nesting import Nesting
from llmri_clustering.units import UnitSet

Distance = Literal["1 - r", "1 - |r|"]
Method = Literal["average", "complete", "ward"]
Measure = Literal["pearson", "spearman"]


@dataclass(frozen=True)
class Evidence:
    """What speaks for one cluster.

    Attributes:
        inside: Mean correlation of its pairs of units (of magnitudes, where the distance is 1 - |r|).
        separation: `inside` less its mean correlation with the nearest other cluster.
        stability: Agreement over half-sample resampling, as adjusted Rand index of this cluster, at most 1.

    What is not known yet is NaN.
    """

    inside: float
    separation: float
    stability: float


@dataclass(frozen=True)
class TokenLabel:
    """A token on which a cluster fires most.

    Attributes:
        turn: Number of the turn.
        token: Its number in that turn.
        text: Its text.
        before: The text just before it.
        after: The text just after it.
        z: Mean |z| of the cluster's units there.
    """

    turn: int
    token: int
    text: str
    before: str
    after: str
    z: float


@dataclass(frozen=True)
class Effect:
    """How much more a cluster fires in some turns than in the others.

    Attributes:
        size: Hedges' g of the cluster's activity, turn by turn; positive where it fires more.
        low: Lower end of its 95 % confidence interval.
        high: Upper end.
    """

    size: float
    low: float
    high: float


@dataclass(frozen=True)
class Cluster:
    """One cluster.

    Attributes:
        number: Its stable number, from 0: kept over a rebuild where the same units stay together.
        units: How many units it has.
        evidence: What was measured.
        null: The 95th percentile of the same after permuting each unit's samples in time.
        real: Whether `inside` and `stability` both exceed their null.
        tokens: Where it fires most, highest first.
        turns: The turns in which it fires most, with their mean |z|, highest first.
        selectivity: Its effect by group of turns, against all other turns.
    """

    number: int
    units: int
    evidence: Evidence
    null: Evidence
    real: bool
    tokens: tuple[TokenLabel, ...] = ()
    turns: tuple[tuple[int, float], ...] = ()
    selectivity: Mapping[str, Effect] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def judged(self) -> bool:
        """Whether there is evidence and a null to tell `real` by; without, `real` is False."""
        return not math.isnan(self.evidence.stability) and not math.isnan(self.null.stability)


@dataclass(frozen=True, eq=False)
class Placement:
    """Where each unit stands in the Hebbian layout.

    Attributes:
        positions: Place in the plane, `[units, 2]`, x and y.
        cells: Cell of the image, `[units, 2]`, row and column; no cell is shared.
        shape: Rows and columns of the image.
    """

    positions: npt.NDArray[np.float32]
    cells: npt.NDArray[np.int32]
    shape: tuple[int, int]


@dataclass(frozen=True)
class TreeAgreement:
    """How far a dendrogram that is an estimate agrees with the exact one, where both were tried.

    Attributes:
        adjusted_rand: Of the flat clusters of both; 1 where they are the same.
        cophenetic: Correlation of the distances at which pairs of units merge; 1 where they are the same.
        units: How many units both were tried on.
    """

    adjusted_rand: float
    cophenetic: float
    units: int


@dataclass(frozen=True)
class Provenance:
    """Where a clustering comes from, and how it was made.

    Attributes:
        model: The model's name.
        samples: Scans it stands on, those left out not counted.
        turns: Turns they come from.
        left_out: What was left out, in words, such as `the first token of each sequence: 12 scans`.
        distance: Of the linkage.
        method: Of the linkage.
        measure: Of the correlation.
        seed: Of everything random.
        created: When, ISO 8601 in UTC.
        warnings: What a reader should know before trusting it, one sentence each.
        halves: Halves of the samples that the stability stands on; None where nobody said.
        permutations: Permutations that the null stands on; None where nobody said.
        agreement: Of the dendrogram with the exact one, where it is an estimate; None where it is exact.
    """

    model: str
    samples: int
    turns: int
    left_out: tuple[str, ...]
    distance: Distance
    method: Method
    measure: Measure
    seed: int
    created: str
    warnings: tuple[str, ...] = ()
    halves: int | None = None
    permutations: int | None = None
    agreement: TreeAgreement | None = None


@dataclass(frozen=True, eq=False)
class Clustering:
    """Units in clusters, nested, with their evidence and their place in the plane.

    Attributes:
        units: Which unit each index below is.
        active: Units that took part, `[units]`: neither constant nor left out.
        linkage: The dendrogram over the active units in order, `[active - 1, 4]`, as scipy has it.
        labels: Number of each unit's cluster, `[units]`; -1 in none.
        clusters: The clusters, by ascending number.
        nesting: Nested circles: the clusters are among its groups.
        group_cluster: The number of the cluster each group of `nesting` is, `[groups]`; -1 where it is none.
        placement: The Hebbian layout of all units.
        provenance: Where it comes from.
    """

    units: UnitSet
    active: npt.NDArray[np.bool_]
    linkage: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int32]
    clusters: tuple[Cluster, ...]
    nesting: Nesting
    group_cluster: npt.NDArray[np.int32]
    placement: Placement
    provenance: Provenance

    def cluster(self, number: int) -> Cluster:
        """Return the cluster with this number.

        Raises:
            KeyError: There is none.
        """
        found = next((cluster for cluster in self.clusters if cluster.number == number), None)
        if found is None:
            raise KeyError(f"there is no cluster {number}, known are {[c.number for c in self.clusters]}")
        return found

    def members(self, number: int) -> npt.NDArray[np.intp]:
        """Return the units of a cluster, as indices into `units`, ascending."""
        return np.flatnonzero(self.labels == number)
