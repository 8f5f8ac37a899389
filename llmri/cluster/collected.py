"""What a collection came to: all that a clustering is built from."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri.cluster.collector import Collector
from llmri.cluster.listening import BY_USER
from llmri_clustering.collecting import plural
from llmri_clustering.correlation import RunningCorrelation
from llmri_clustering.samples import Samples
from llmri_clustering.units import UnitSet


@dataclass(frozen=True, eq=False)
class Collected:
    """Samples, and where they come from.

    Attributes:
        model: The model's name.
        units: Which unit each value of a sample is.
        samples: Those kept.
        correlation: Of all samples, also of those not kept; None of too many units.
        protected: Units that do not take part, `[units]`.
        left_out: What was left out, in words.
        warnings: What a reader should know, one sentence each.
        broken_off: Why it ended early though nobody wanted that, as a clause; empty where it did not.
    """

    model: str
    units: UnitSet
    samples: Samples
    correlation: RunningCorrelation | None
    protected: npt.NDArray[np.bool_]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]
    broken_off: str = ""


def collected(
    collector: Collector, model: str, groups: Mapping[str, tuple[int, ...]], ended: str = ""
) -> Collected:
    """Return what a collector has.

    Args:
        collector: It.
        model: The model's name.
        groups: Turns by what they were about, counted from 1 in the order they were heard.
        ended: Why the collection ended early, as a clause; empty where it did not.
    """
    samples = collector.samples(groups)
    return Collected(
        model=model,
        units=collector.units,
        samples=samples,
        correlation=collector.correlation,
        protected=collector.left_out,
        left_out=left_out(collector),
        warnings=(*warnings(collector, ended), *unheard(groups, len(samples.texts))),
        broken_off="" if ended == BY_USER else ended,
    )


def left_out(collector: Collector) -> tuple[str, ...]:
    """Say what was left out, and of how many samples the rest is told."""
    said = list(collector.tally.left_out())
    protected = int(collector.left_out.sum())
    if protected:
        said.append(f"protected units: {protected}")
    if collector.kept < collector.count:
        what = "from labels, stability and null" if collector.correlation is not None else "from everything"
        said.append(f"{what}: all but {collector.kept} of {collector.count} samples, chosen by chance")
    return tuple(said)


def warnings(collector: Collector, ended: str) -> tuple[str, ...]:
    """Say what went otherwise than it should, one sentence each."""
    if not ended:
        return collector.tally.warnings()
    turns, samples = plural(collector.turns, "turn"), plural(collector.count, "sample")
    return (f"The collection ended after {turns} and {samples}: {ended}.", *collector.tally.warnings())


def unheard(groups: Mapping[str, tuple[int, ...]], turns: int) -> tuple[str, ...]:
    """Say which turns were named and never came, one sentence a name.

    Args:
        groups: Turns by what they were about, counted from 1.
        turns: How many turns came.
    """
    missing = {name: [turn for turn in named if turn > turns] for name, named in groups.items()}
    return tuple(
        f"Of the turns named {name!r} {len(late)} never came, the first of them turn {late[0]}."
        for name, late in missing.items()
        if late
    )
