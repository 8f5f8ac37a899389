"""Samples to clusters, their evidence, their circles and their places."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration import ClusterTree, groups_of_clusters, nest
from llmri_clustering.building import BuildOptions, ClusterRecipe, Findings, cautions
from llmri_clustering.clusters import Clustering, Placement, Provenance
from llmri_clustering.correlation import RunningCorrelation
from llmri_clustering.evidence import Recipe, carried_labels, stable_numbers
from llmri_clustering.layout import hebbian_layout, snap
from llmri_clustering.nesting import Nesting
from llmri_clustering.samples import Samples
from llmri_clustering.units import UnitSet

__all__ = ["BuildOptions", "Progress", "build"]

Progress = Callable[[str, int, int], None]
"""Told the step, how much of it is done, and of how much."""

DEFAULTS = BuildOptions()
FEWEST_SAMPLES = 4  # two in each half
FEWEST_UNITS = 2


def _silent(step: str, done: int, of: int) -> None:
    """Tell nobody."""


def build(
    samples: Samples,
    units: UnitSet,
    *,
    model: str,
    created: str,
    options: BuildOptions = DEFAULTS,
    correlation: RunningCorrelation | None = None,
    previous: Clustering | None = None,
    left_out: tuple[str, ...] | None = None,
    progress: Progress = _silent,
) -> Clustering:
    """Cluster units, and find out what speaks for each cluster and when it fires.

    The same arguments give the same clustering, bit by bit on one machine.

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
        progress: Told of every step.

    Raises:
        ValueError: The samples do not fit the units, are too few, or leave fewer than two units to cluster.
    """
    _check(samples, units, correlation)
    constant, active = _taking_part(samples.values, correlation)
    kept = replace(samples, values=np.ascontiguousarray(samples.values[:, active]))
    recipe = ClusterRecipe(options)
    known = _known(correlation, active, options)
    count = len(samples) if known is None or correlation is None else correlation.count

    measured = recipe.measured(kept.values)
    dendrogram = _dendrogram(recipe, measured, known, progress)
    tree = ClusterTree.from_linkage(dendrogram)
    labels = _numbered(recipe.labels(tree), active, units, previous)
    nesting = nest(tree, labels[active])
    found = Findings.of(
        measured=measured,
        turn=samples.turn,
        labels=labels[active],
        recipe=_counted(recipe, options, progress),
        options=options,
        correlation=known,
    )
    return Clustering(
        units=units,
        active=active,
        linkage=dendrogram,
        labels=labels,
        clusters=found.clusters(kept, labels[active], options),
        nesting=_over_all_units(nesting, active),
        group_cluster=groups_of_clusters(nesting, tree, labels[active]),
        placement=_placement(samples.values, units, options.seed, previous, progress),
        provenance=_provenance(
            model,
            created,
            options,
            turns=len(np.unique(samples.turn)),
            count=count,
            left_out=_words(correlation) if left_out is None else left_out,
            warnings=cautions(
                samples, count=count, taking_part=int(active.sum()), constant=int(constant.sum())
            ),
        ),
    )


def _check(samples: Samples, units: UnitSet, correlation: RunningCorrelation | None) -> None:
    shape = samples.values.shape
    if len(shape) != 2 or shape[1] != len(units):  # noqa: PLR2004
        raise ValueError(f"samples have shape {shape}, expected [samples, {len(units)}] for these units")
    if not len(samples.turn) == len(samples.token) == len(samples):
        raise ValueError(
            f"{len(samples)} samples come with {len(samples.turn)} turns and {len(samples.token)} tokens, "
            "expected one of each a sample"
        )
    if len(samples) < FEWEST_SAMPLES:
        raise ValueError(f"there are {len(samples)} samples, expected at least {FEWEST_SAMPLES}")
    if not np.isfinite(samples.values).all():
        wrong = int(np.argmin(np.isfinite(samples.values).all(axis=1)))
        raise ValueError(f"sample {wrong} holds a value that is not finite, expected numbers only")
    if correlation is not None and correlation.units != len(units):
        raise ValueError(f"the correlation is of {correlation.units} units, expected {len(units)}")


def _taking_part(
    values: npt.NDArray[np.float32], correlation: RunningCorrelation | None
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Tell which units are constant, and which take part, `[units]` each."""
    constant = (values == values[0]).all(axis=0)
    left_out = np.zeros(len(constant), dtype=np.bool_)
    if correlation is not None:
        constant |= correlation.constant
        left_out = correlation.left_out
    active = ~constant & ~left_out
    if active.sum() < FEWEST_UNITS:
        raise ValueError(
            f"{active.sum()} of {len(active)} units take part, expected at least {FEWEST_UNITS}: "
            f"{constant.sum()} are constant, {left_out.sum()} left out"
        )
    return constant & ~left_out, active


def _known(
    correlation: RunningCorrelation | None, active: npt.NDArray[np.bool_], options: BuildOptions
) -> npt.NDArray[np.float32] | None:
    """Return the running correlation of the units that take part, where it is of the measure asked for."""
    if correlation is None or options.measure != "pearson":
        return None
    return correlation.correlation()[np.ix_(active, active)]


def _dendrogram(
    recipe: ClusterRecipe,
    measured: npt.NDArray[np.float32],
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


def _words(correlation: RunningCorrelation | None) -> tuple[str, ...]:
    """Say what was left out, as far as a running correlation knows."""
    return correlation.left_out_sentences() if correlation is not None else ()


def _counted(recipe: Recipe, options: BuildOptions, progress: Progress) -> Recipe:
    """Return the recipe, telling each time it is followed."""
    of = options.resamples + options.nulls * (1 + options.resamples)
    done = 0
    progress("evidence", done, of)

    def followed(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
        nonlocal done
        labels = recipe(samples)
        done += 1
        progress("evidence", done, of)
        return labels

    return followed


def _over_all_units(nesting: Nesting, active: npt.NDArray[np.bool_]) -> Nesting:
    """Return a nesting of the units that take part as one of all units; the others are in no group."""
    group = np.full(len(active), -1, dtype=np.int32)
    group[active] = nesting.group
    return replace(nesting, group=group)


def _placement(
    values: npt.NDArray[np.float32],
    units: UnitSet,
    seed: int,
    previous: Clustering | None,
    progress: Progress,
) -> Placement:
    """Lay out all units, turned as the earlier layout of the same units."""
    progress("layout", 0, 1)
    same = previous is not None and (
        previous.units.site == units.site
        and np.array_equal(previous.units.layer, units.layer)
        and np.array_equal(previous.units.index, units.index)
    )
    positions = hebbian_layout(
        values, seed=seed, previous=previous.placement.positions if previous is not None and same else None
    )
    cells, shape = snap(positions)
    progress("layout", 1, 1)
    return Placement(positions, cells, shape)


def _provenance(
    model: str,
    created: str,
    options: BuildOptions,
    *,
    turns: int,
    count: int,
    left_out: tuple[str, ...],
    warnings: tuple[str, ...],
) -> Provenance:
    """Say what the clustering was made of, and how."""
    return Provenance(
        model=model,
        samples=count,
        turns=turns,
        left_out=left_out,
        distance=options.distance,
        method=options.method,
        measure=options.measure,
        seed=options.seed,
        created=created,
        warnings=warnings,
    )
