"""Evidence as it was gathered, for a later build to go on with as far as it still holds."""

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Self

import numpy as np
import numpy.typing as npt

from llmri_clustering.building.options import BuildOptions
from llmri_clustering.evidence import Permutation, Quality
from llmri_clustering.units import UnitSet

ALIKE = 0.1  # share by which the number of samples may differ, for a null to hold still


@dataclass(frozen=True, eq=False)
class KnownEvidence:
    """Halves and permutations so far, and what they are of.

    Attributes:
        clusters: Digest of the clusters and of the samples that the halves are of.
        search: Digest of the units and of the search that the permutations are of.
        samples: Number of samples that the permutations are of.
        agreement: Of each cluster with each half, `[halves, clusters]`.
        permutations: What was found in permuted samples.
    """

    clusters: str
    search: str
    samples: int
    agreement: npt.NDArray[np.float64]
    permutations: tuple[Permutation, ...]

    @classmethod
    def nothing(cls, quality: Quality, samples: int, clusters: str = "", search: str = "") -> Self:
        """Return no evidence yet for some clusters."""
        return cls(clusters, search, samples, np.zeros((0, len(quality.sizes))), ())

    def with_half(self, agreement: npt.NDArray[np.float64]) -> Self:
        """Return this with one more half's agreement, `[clusters]`."""
        return replace(self, agreement=np.concatenate([self.agreement, agreement[None]]))

    def with_permutation(self, found: Permutation, number: int) -> Self:
        """Return this with what was found in a permutation, by its number: one more, or one anew."""
        before, after = self.permutations[:number], self.permutations[number + 1 :]
        return replace(self, permutations=(*before, found, *after))

    def as_far_as_it_holds(self, new: Self) -> Self:
        """Return what of this holds for the clusters that `new` is of, which has no evidence yet.

        Halves hold for the same clusters of the same samples; permutations for the same search among the
        same units, and about as many samples: what chance finds depends on these alone.
        """
        if self.clusters == new.clusters and self.agreement.shape[1] == new.agreement.shape[1]:
            new = replace(new, agreement=self.agreement)
        if self.search == new.search and abs(self.samples - new.samples) <= ALIKE * new.samples:
            new = replace(new, permutations=self.permutations, samples=self.samples)
        return new


def digest_of_clusters(
    dendrogram: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int32],
    turn: npt.NDArray[np.int32],
    options: BuildOptions,
) -> str:
    """Return what tells clusters, and the samples that they come from, apart from others.

    Equal samples have equal dendrograms to the last bit, and other samples do not.
    """
    return _digest(_search(options), dendrogram, labels, turn)


def digest_of_search(units: UnitSet, active: npt.NDArray[np.bool_], options: BuildOptions) -> str:
    """Return what tells a search among some units apart from others."""
    return _digest(f"{units.site} {_search(options)}", units.layer, units.index, active)


def _search(options: BuildOptions) -> str:
    return repr(replace(options, resamples=1, nulls=1, tokens=0, context=0, turns=0))


def _digest(words: str, *arrays: npt.NDArray[np.generic]) -> str:
    found = blake2b(words.encode(), digest_size=16)
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
