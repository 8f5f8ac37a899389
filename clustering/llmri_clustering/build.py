"""Samples to clusters, their evidence, their circles and their places."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration import ClusterTree, agreement_with_exact, groups_of_clusters, nest
from llmri_clustering.building import BuildOptions, ClusterRecipe, Findings, KnownEvidence, cautions
from llmri_clustering.building.findings import measured_quality
from llmri_clustering.building.known import digest_of_clusters, digest_of_search
from llmri_clustering.building.placing import in_rows, laid_out
from llmri_clustering.building.rounds import NULL_HALVES, EvidenceRounds
from llmri_clustering.building.taking_part import checked, taking_part
from llmri_clustering.clusters import Cluster, Clustering, Provenance
from llmri_clustering.correlation import RunningCorrelation
from llmri_clustering.evidence import Quality, Recipe, carried_labels, stable_numbers
from llmri_clustering.nesting import Nesting
from llmri_clustering.samples import AnySamples, StoredSamples
from llmri_clustering.sources import SampleSource, SomeUnits
from llmri_clustering.units import UnitSet

__all__ = ["BuildOptions", "Progress", "Stage", "build", "stages"]

Progress = Callable[[str, int, int], None]
"""Told the step, how much of it is done, and of how much."""

DEFAULTS = BuildOptions()


def _silent(step: str, done: int, of: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, eq=False)
class Stage:
    """A clustering as far as it is known.

    Attributes:
        clustering: It. Labels, tree and circles are final from the first stage on. Before the layout, units
            stand in rows in their order; before the evidence, no cluster is `judged`.
        laid_out: Whether the layout is known.
        halves: Halves of the samples that the stability stands on.
        of: The most halves there may be.
        null: Whether the null is known.
        done: Whether this is the last stage.
        evidence: What a later build may go on with.
    """

    clustering: Clustering
    laid_out: bool
    halves: int
    of: int
    null: bool
    done: bool
    evidence: KnownEvidence


def build(
    samples: AnySamples,
    units: UnitSet,
    *,
    model: str,
    created: str,
    options: BuildOptions = DEFAULTS,
    correlation: RunningCorrelation | None = None,
    previous: Clustering | None = None,
    left_out: tuple[str, ...] | None = None,
    not_taking_part: npt.NDArray[np.bool_] | None = None,
    progress: Progress = _silent,
) -> Clustering:
    """Cluster units, and find out what speaks for each cluster and when it fires.

    The same arguments, which are those of `stages`, give the same clustering, bit by bit on one machine: that
    of the last stage.

    Raises:
        ValueError: The samples do not fit the units, are too few, or leave fewer than two units to cluster.
    """
    *_, last = stages(
        samples,
        units,
        model=model,
        created=created,
        options=options,
        correlation=correlation,
        previous=previous,
        left_out=left_out,
        not_taking_part=not_taking_part,
        progress=progress,
    )
    return last.clustering


def stages(
    samples: AnySamples,
    units: UnitSet,
    *,
    model: str,
    created: str,
    options: BuildOptions = DEFAULTS,
    correlation: RunningCorrelation | None = None,
    previous: Clustering | None = None,
    left_out: tuple[str, ...] | None = None,
    not_taking_part: npt.NDArray[np.bool_] | None = None,
    progress: Progress = _silent,
    known: KnownEvidence | None = None,
) -> Iterator[Stage]:
    """Yield the clusters as soon as they are known, then with their layout, then with more and more evidence.

    Whoever has enough stops asking: each stage holds a whole clustering.

    Args:
        samples: What was collected, `[samples, units]`, in the order it came.
        units: Which unit each column is.
        model: The model's name.
        created: When, ISO 8601 in UTC.
        options: How.
        correlation: A running correlation that saw more than was kept. The dendrogram and the correlations
            inside clusters are then its own, for Pearson's measure, and the units it left out stay out.
        previous: An earlier clustering: its numbers are kept where the same units are together, and the
            layout is turned to stand as it did.
        left_out: What was not collected, in words; without it, what `correlation` says.
        not_taking_part: Units that stay out, such as protected ones, `[units]`, beside those that
            `correlation` left out.
        progress: Told of every step.
        known: What an earlier build gathered: what still holds of it is not gathered again.

    Raises:
        ValueError: The samples do not fit the units, are too few, or leave fewer than two units to cluster.
    """
    source = checked(samples, units, correlation)
    constant, active = taking_part(source, correlation, not_taking_part)
    chosen = source if active.all() else SomeUnits(source, np.flatnonzero(active))
    recipe = ClusterRecipe(options)
    matrix = _known(correlation, active, options)
    measured = recipe.measured(chosen)

    dendrogram = _dendrogram(recipe, measured, matrix, progress)
    tree = ClusterTree.from_linkage(dendrogram)
    labels = _numbered(recipe.labels(tree), active, units, previous)
    quality = measured_quality(measured, labels[active], options, matrix)
    nesting = nest(tree, labels[active])
    clustering = Clustering(
        units=units,
        active=active,
        linkage=dendrogram,
        labels=labels,
        clusters=_described(samples, chosen, labels[active], quality, options),
        nesting=_over_all_units(nesting, active),
        group_cluster=groups_of_clusters(nesting, tree, labels[active]),
        placement=in_rows(len(units)),
        provenance=_provenance(
            model,
            created,
            options,
            samples=samples,
            constant=constant,
            active=active,
            correlation=correlation,
            left_out=left_out,
        ),
    )
    new = KnownEvidence.nothing(
        quality,
        len(samples),
        digest_of_clusters(dendrogram, labels, samples.turn, options),
        digest_of_search(units, active, options),
    )
    if matrix is None and recipe.estimates(measured.shape[1]):
        agreement = agreement_with_exact(measured, recipe.labels, seed=options.seed)
        clustering = replace(clustering, provenance=replace(clustering.provenance, agreement=agreement))
    counted = _Counted(recipe, options, progress)
    rounds = EvidenceRounds(
        samples=measured,
        turn=samples.turn,
        labels=labels[active],
        recipe=counted,
        options=options,
        quality=quality,
        known=new if known is None else known.as_far_as_it_holds(new),
    )
    yield from _stages(
        clustering,
        samples=samples,
        quality=quality,
        rounds=rounds,
        counted=counted,
        options=options,
        previous=previous,
        progress=progress,
    )


def _stages(
    clustering: Clustering,
    *,
    samples: AnySamples,
    quality: Quality,
    rounds: EvidenceRounds,
    counted: "_Counted",
    options: BuildOptions,
    previous: Clustering | None,
    progress: Progress,
) -> Iterator[Stage]:
    """Yield a clustering without layout and evidence, then with the one, then with the other."""
    yield Stage(clustering, False, 0, options.resamples, False, False, rounds.known)
    progress("layout", 0, 1)
    placement = laid_out(samples.values, clustering.units, options.seed, previous)
    progress("layout", 1, 1)
    clustering = replace(clustering, placement=placement)
    yield Stage(clustering, True, 0, options.resamples, False, False, rounds.known)
    counted.begin()
    for found in rounds.gathered():
        if found.settled:
            counted.end()
        clustering = replace(
            clustering,
            clusters=Findings(quality, found.stability, found.null).judged(clustering.clusters),
            provenance=replace(
                clustering.provenance, halves=found.halves, permutations=len(found.known.permutations)
            ),
        )
        null = found.null is not None
        yield Stage(clustering, True, found.halves, options.resamples, null, found.settled, found.known)


def _described(
    samples: AnySamples,
    values: SampleSource,
    labels: npt.NDArray[np.int32],
    quality: Quality,
    options: BuildOptions,
) -> tuple[Cluster, ...]:
    """Describe clusters of the units that take part, without evidence."""
    taking_part = StoredSamples(values, samples.turn, samples.token, samples.texts)
    without = Findings(quality, np.full(len(quality.sizes), np.nan), None)
    return without.clusters(taking_part, labels, options)


def _known(
    correlation: RunningCorrelation | None, active: npt.NDArray[np.bool_], options: BuildOptions
) -> npt.NDArray[np.float32] | None:
    """Return the running correlation of the units that take part, where it is of the measure asked for."""
    if correlation is None or options.measure != "pearson":
        return None
    return correlation.correlation()[np.ix_(active, active)]


def _dendrogram(
    recipe: ClusterRecipe,
    measured: SampleSource,
    known: npt.NDArray[np.float32] | None,
    progress: Progress,
) -> npt.NDArray[np.float64]:
    """Return the linkage of the units that take part."""
    progress("linkage", 0, 1)
    dendrogram = recipe.linkage(measured, known)
    progress("linkage", 1, 1)
    return dendrogram


def _numbered(
    labels: npt.NDArray[np.int32],
    active: npt.NDArray[np.bool_],
    units: UnitSet,
    previous: Clustering | None,
) -> npt.NDArray[np.int32]:
    """Return the labels of the units that take part to all units, by their earlier numbers."""
    numbered = np.full(len(units), -1, dtype=np.int32)
    numbered[active] = labels
    if previous is None:
        return numbered
    return stable_numbers(numbered, carried_labels(units, previous.units, previous.labels))


class _Counted:
    """Follows a recipe, telling each time how often it was followed.

    Args:
        recipe: It.
        options: How often at most.
        progress: Told.
    """

    def __init__(self, recipe: Recipe, options: BuildOptions, progress: Progress) -> None:
        self._recipe, self._progress = recipe, progress
        halves = min(NULL_HALVES, options.resamples)
        self._done, self._of = 0, options.resamples + options.nulls * (1 + halves)

    def __call__(self, samples: SampleSource) -> npt.NDArray[np.int32]:
        """Follow the recipe."""
        labels = self._recipe(samples)
        self._tell(1)
        return labels

    def begin(self) -> None:
        """Tell that it was not followed yet."""
        self._tell(0)

    def end(self) -> None:
        """Tell that it need not be followed any more."""
        while self._done < self._of:
            self._tell(1)

    def _tell(self, more: int) -> None:
        self._done += more
        self._progress("evidence", self._done, self._of)


def _over_all_units(nesting: Nesting, active: npt.NDArray[np.bool_]) -> Nesting:
    """Return a nesting of the units that take part as one of all units; the others are in no group."""
    group = np.full(len(active), -1, dtype=np.int32)
    group[active] = nesting.group
    return replace(nesting, group=group)


def _provenance(
    model: str,
    created: str,
    options: BuildOptions,
    *,
    samples: AnySamples,
    constant: npt.NDArray[np.bool_],
    active: npt.NDArray[np.bool_],
    correlation: RunningCorrelation | None,
    left_out: tuple[str, ...] | None,
) -> Provenance:
    """Say what the clustering was made of, and how."""
    running = correlation if options.measure == "pearson" else None
    count = len(samples) if running is None else running.count
    if left_out is None:
        left_out = () if correlation is None else correlation.left_out_sentences()
    return Provenance(
        model=model,
        samples=count,
        turns=len(np.unique(samples.turn)),
        left_out=left_out,
        distance=options.distance,
        method=options.method,
        measure=options.measure,
        seed=options.seed,
        created=created,
        warnings=cautions(samples, count=count, taking_part=int(active.sum()), constant=int(constant.sum())),
        halves=0,
        permutations=0,
    )
