"""Streams of samples whose correlation is known otherwise."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

F64 = npt.NDArray[np.float64]
Floats = npt.NDArray[np.floating]
Make = Callable[[np.random.Generator, int, int], F64]


def correlated(random: np.random.Generator, samples: int, units: int) -> F64:
    return random.normal(size=(samples, 2)) @ random.normal(size=(2, units)) + 0.3 * random.normal(
        size=(samples, units)
    )


def copies(random: np.random.Generator, samples: int, units: int) -> F64:
    return np.outer(random.normal(size=samples), random.uniform(0.5, 2, units))


def two_valued(random: np.random.Generator, samples: int, units: int) -> F64:
    fires = random.random((samples, 2)) < random.uniform(0.1, 0.9, 2)
    return np.asarray(fires[:, random.integers(2, size=units)] * random.uniform(0.5, 2, units))


def rectified(random: np.random.Generator, samples: int, units: int) -> F64:
    return np.maximum(correlated(random, samples, units), 0)


def ramps(random: np.random.Generator, samples: int, units: int) -> F64:
    return np.outer(np.arange(samples), random.choice([-1, 1], units) * random.uniform(0.5, 2, units))


def heavy_tailed(random: np.random.Generator, samples: int, units: int) -> F64:
    return np.sinh(2 * correlated(random, samples, units))


KINDS: tuple[Make, ...] = (correlated, copies, two_valued, rectified, ramps, heavy_tailed)


@st.composite
def streams(draw: st.DrawFn, most: int = 400) -> Floats:
    """Draw samples `[samples, units]` of any kind, scale and mean, up to a thousand times the deviation."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    samples, units = draw(st.integers(2, most)), draw(st.integers(1, 12))
    values = draw(st.sampled_from(KINDS))(random, samples, units)
    values += values.std(axis=0) * draw(st.sampled_from([0, 1, -1000])) * random.uniform(0, 1, units)
    values *= 10.0 ** random.uniform(-draw(st.sampled_from([0, 6])), 6, units)
    return values.astype(draw(st.sampled_from([np.float32, np.float64])))


def split(draw: st.DrawFn, values: Floats) -> list[Floats]:
    """Split samples into batches: some empty, some of one scan without a dimension for it."""
    cuts = sorted(draw(st.lists(st.integers(0, len(values)), max_size=8)))
    batches = np.split(values, cuts)
    return [batch[0] if len(batch) == 1 and draw(st.booleans()) else batch for batch in batches]


batches = st.composite(lambda draw, most=400: split(draw, draw(streams(most))))


def corrcoef(values: Floats, weights: Floats | None = None) -> F64:
    """Return numpy's correlation in float64, with 0 between a constant unit and all others."""
    from_first = values.astype(np.float64) - values[0]
    covariance = np.atleast_2d(np.cov(from_first, rowvar=False, aweights=weights))
    constant = np.ptp(values, axis=0) == 0
    deviation = np.where(constant, 1, np.sqrt(np.diag(covariance)))
    expected: F64 = covariance / np.outer(deviation, deviation)
    expected[constant] = expected[:, constant] = 0
    np.fill_diagonal(expected, 1)
    return expected
