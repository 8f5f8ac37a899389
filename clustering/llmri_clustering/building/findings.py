"""Everything that is said of each cluster."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import numpy as np
import numpy.typing as npt

from llmri_clustering.building.options import BuildOptions
from llmri_clustering.clusters import Cluster, Evidence
from llmri_clustering.evidence import (
    Null,
    Quality,
    Recipe,
    Standard,
    activity,
    null_statistics,
    quality_of_correlation,
    quality_of_samples,
    selectivity_by_group,
    stability,
    strongest_tokens,
    strongest_turns,
)
from llmri_clustering.samples import Samples


@dataclass(frozen=True, eq=False)
class Findings:
    """What was measured of the clusters, by ascending number.

    Attributes:
        quality: What the correlations say.
        stability: Agreement over half-sampling, `[clusters]`.
        null: The same of clusters in permuted samples.
    """

    quality: Quality
    stability: npt.NDArray[np.float64]
    null: Null

    @classmethod
    def of(
        cls,
        *,
        measured: npt.NDArray[np.float32],
        turn: npt.NDArray[np.int32],
        labels: npt.NDArray[np.int32],
        recipe: Recipe,
        options: BuildOptions,
        correlation: npt.NDArray[np.float32] | None = None,
    ) -> Self:
        """Measure clusters.

        Args:
            measured: What the Pearson correlation is taken of, samples or their ranks, `[samples, units]`.
            turn: The turn of each sample, `[samples]`.
            labels: Number of each unit's cluster, `[units]`; -1 in none.
            recipe: How samples are clustered.
            options: How often to resample and permute.
            correlation: The correlation that the clusters come from, `[units, units]`, if not from these.
        """
        for_halves, for_null = np.random.default_rng(options.seed).spawn(2)
        distance, resamples = options.distance, options.resamples
        return cls(
            quality_of_samples(measured, labels, distance=distance)
            if correlation is None
            else quality_of_correlation(correlation, labels, distance=distance),
            stability(measured, turn, labels, recipe, resamples=resamples, rng=for_halves),
            null_statistics(
                measured,
                turn,
                recipe,
                distance=distance,
                repeats=options.nulls,
                resamples=resamples,
                rng=for_null,
            ),
        )

    def clusters(
        self, samples: Samples, labels: npt.NDArray[np.int32], options: BuildOptions
    ) -> tuple[Cluster, ...]:
        """Describe the clusters by what was measured, and by when they fire in `samples`."""
        firing = activity(Standard.of(samples.values).z(samples.values), labels)
        turns = strongest_turns(firing, samples.turn, number=options.turns)
        effects = selectivity_by_group(firing, samples.turn, samples.texts)
        return tuple(
            Cluster(
                number=int(number),
                units=int(self.quality.sizes[row]),
                evidence=(evidence := self._evidence(row)),
                null=(null := Evidence(*self.null.at(int(self.quality.sizes[row])))),
                real=evidence.inside > null.inside and evidence.stability > null.stability,
                tokens=strongest_tokens(
                    firing[:, row], samples, number=options.tokens, context=options.context
                ),
                turns=turns[row],
                selectivity=MappingProxyType(effects[row]),
            )
            for row, number in enumerate(self.quality.numbers)
        )

    def _evidence(self, row: int) -> Evidence:
        return Evidence(
            inside=float(self.quality.inside[row]),
            separation=float(self.quality.separation[row]),
            stability=float(self.stability[row]),
        )
