"""Everything that is said of each cluster."""

import math
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Self

import numpy as np
import numpy.typing as npt

from llmri_clustering.building.options import BuildOptions
from llmri_clustering.building.rounds import EvidenceRounds
from llmri_clustering.clusters import Cluster, Evidence
from llmri_clustering.evidence import (
    Null,
    Quality,
    Recipe,
    activity_of_samples,
    quality_of_correlation,
    quality_of_samples,
    selectivity_by_group,
    strongest_tokens,
    strongest_turns,
)
from llmri_clustering.samples import AnySamples
from llmri_clustering.sources import SampleSource, source_of

UNKNOWN = Evidence(math.nan, math.nan, math.nan)


@dataclass(frozen=True, eq=False)
class Findings:
    """What was measured of the clusters, by ascending number.

    Attributes:
        quality: What the correlations say.
        stability: Agreement over half-sampling, `[clusters]`; NaN before the first half.
        null: The same of clusters in permuted samples; None before they are known.
    """

    quality: Quality
    stability: npt.NDArray[np.float64]
    null: Null | None

    @classmethod
    def of(
        cls,
        *,
        measured: npt.NDArray[np.floating] | SampleSource,
        turn: npt.NDArray[np.int32],
        labels: npt.NDArray[np.int32],
        recipe: Recipe,
        options: BuildOptions,
        correlation: npt.NDArray[np.float32] | None = None,
    ) -> Self:
        """Measure clusters, and gather evidence for them until there is enough.

        Args:
            measured: What the Pearson correlation is taken of, samples or their ranks, `[samples, units]`.
            turn: The turn of each sample, `[samples]`.
            labels: Number of each unit's cluster, `[units]`; -1 in none.
            recipe: How samples are clustered.
            options: How often to resample and permute at most.
            correlation: The correlation that the clusters come from, `[units, units]`, if not from these.
        """
        source = source_of(measured)
        quality = measured_quality(source, labels, options, correlation)
        rounds = EvidenceRounds(
            samples=source, turn=turn, labels=labels, recipe=recipe, options=options, quality=quality
        )
        *_, last = rounds.gathered()
        return cls(quality, last.stability, last.null)

    def clusters(
        self, samples: AnySamples, labels: npt.NDArray[np.int32], options: BuildOptions
    ) -> tuple[Cluster, ...]:
        """Describe the clusters by what was measured, and by when they fire in `samples`."""
        firing = activity_of_samples(samples.values, labels)
        turns = strongest_turns(firing, samples.turn, number=options.turns)
        effects = selectivity_by_group(firing, samples.turn, samples.texts)
        described = tuple(
            Cluster(
                number=int(number),
                units=int(self.quality.sizes[row]),
                evidence=UNKNOWN,
                null=UNKNOWN,
                real=False,
                tokens=strongest_tokens(
                    firing[:, row], samples, number=options.tokens, context=options.context
                ),
                turns=turns[row],
                selectivity=MappingProxyType(effects[row]),
            )
            for row, number in enumerate(self.quality.numbers)
        )
        return self.judged(described)

    def judged(self, clusters: tuple[Cluster, ...]) -> tuple[Cluster, ...]:
        """Return clusters that are described already, by ascending number, with this evidence."""
        nulls = None if self.null is None else self.null.at_sizes(self.quality.sizes)
        return tuple(
            replace(
                cluster,
                evidence=(evidence := self._evidence(row)),
                null=(null := UNKNOWN if nulls is None else Evidence(*nulls[row].tolist())),
                real=evidence.inside > null.inside and evidence.stability > null.stability,
            )
            for row, cluster in enumerate(clusters)
        )

    def _evidence(self, row: int) -> Evidence:
        return Evidence(
            inside=float(self.quality.inside[row]),
            separation=float(self.quality.separation[row]),
            stability=float(self.stability[row]),
        )


def measured_quality(
    measured: SampleSource,
    labels: npt.NDArray[np.int32],
    options: BuildOptions,
    correlation: npt.NDArray[np.float32] | None,
) -> Quality:
    """Return what the correlations say of clusters: those known, `[units, units]`, or else the samples'."""
    if correlation is None:
        return quality_of_samples(measured, labels, distance=options.distance)
    return quality_of_correlation(correlation, labels, distance=options.distance)
