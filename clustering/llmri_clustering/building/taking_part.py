"""What can be clustered: samples that fit their units, and the units that take part."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.correlation import RunningCorrelation
from llmri_clustering.samples import AnySamples
from llmri_clustering.sources import SampleSource, blocks, source_of
from llmri_clustering.units import UnitSet

FEWEST_SAMPLES = 4  # two in each half
FEWEST_UNITS = 2


def checked(samples: AnySamples, units: UnitSet, correlation: RunningCorrelation | None) -> SampleSource:
    """Return the samples as they are read, if they fit the units; whether all are finite is seen later.

    Raises:
        ValueError: They do not fit, or are too few.
    """
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
    if correlation is not None and correlation.units != len(units):
        raise ValueError(f"the correlation is of {correlation.units} units, expected {len(units)}")
    return source_of(samples.values)


def taking_part(
    source: SampleSource,
    correlation: RunningCorrelation | None,
    not_taking_part: npt.NDArray[np.bool_] | None = None,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Tell which units are constant, and which take part, `[units]` each.

    Raises:
        ValueError: A sample is not finite, fewer than two units take part, or it is told of other units
            which stay out.
    """
    constant = _constant(source)
    left_out = np.zeros(len(constant), dtype=np.bool_)
    if not_taking_part is not None:
        if not_taking_part.shape != left_out.shape:
            raise ValueError(
                f"{len(not_taking_part)} units are told to stay out or not, expected {len(left_out)}"
            )
        left_out |= not_taking_part
    if correlation is not None:
        constant |= correlation.constant
        left_out |= correlation.left_out
    active = ~constant & ~left_out
    if active.sum() < FEWEST_UNITS:
        raise ValueError(
            f"{active.sum()} of {len(active)} units take part, expected at least {FEWEST_UNITS}: "
            f"{constant.sum()} are constant, {left_out.sum()} left out"
        )
    return constant & ~left_out, active


def _constant(source: SampleSource) -> npt.NDArray[np.bool_]:
    """Tell which units have the same value in all samples, `[units]`."""
    samples, units = source.shape
    constant = np.empty(units, dtype=np.bool_)
    finite = np.ones(samples, dtype=np.bool_)
    for here, values in blocks(source):
        constant[here] = (values == values[0]).all(axis=0)
        finite &= np.isfinite(values).all(axis=1)
    if not finite.all():
        wrong = int(np.argmin(finite))
        raise ValueError(f"sample {wrong} holds a value that is not finite, expected numbers only")
    return constant
