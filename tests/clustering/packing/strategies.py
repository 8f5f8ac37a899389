"""Radii and nestings to try a packing on."""

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from llmri_clustering.nesting import Nesting

Floats = npt.NDArray[np.float64]


def drawn_radii(random: np.random.Generator, most: int = 60) -> Floats:
    """Draw radii of a kind that has made packings overlap, the largest at most a million times the least."""
    number = int(random.integers(1, most))
    spread = 10 ** random.uniform(-3, 3, number)
    kinds: list[Floats] = [
        spread,
        np.sort(spread),
        np.sort(spread)[::-1],
        np.power(10.0, random.integers(0, 7, number)).astype(np.float64),
        random.integers(1, 4, number).astype(np.float64),
        np.full(number, spread[0]),
        random.permutation(np.append(np.ones(number), 1e6)),
        np.where(random.random(number) < 0.1, 1e6, random.uniform(1, 2, number)),
        np.where(random.random(number) < 0.1, spread.max(), spread.min() * random.uniform(1, 2, number)),
    ]
    return kinds[int(random.integers(len(kinds)))]


seeds = st.integers(0, 2**32 - 1)
radii = st.one_of(
    seeds.map(lambda seed: drawn_radii(np.random.default_rng(seed))),
    st.lists(st.sampled_from([0.0, 1e-3, 0.5, 1.0, 1.0, 2.0, 1e3]), max_size=30).map(np.array),
    st.lists(st.floats(1e-3, 1e3), max_size=30).map(np.array),
)


@st.composite
def nestings(draw: st.DrawFn) -> Nesting:
    """Draw a nesting of any depth; groups may be empty, and hold groups beside units."""
    groups = draw(st.integers(1, 12))
    parent = [-1] + [draw(st.integers(0, group - 1)) for group in range(1, groups)]
    group = draw(st.lists(st.integers(-1, groups - 1), max_size=60))
    return nesting(parent, group)


def nesting(parent: list[int], group: list[int]) -> Nesting:
    """Make a nesting of no dendrogram."""
    return Nesting(
        np.array(parent, dtype=np.int32),
        np.array(group, dtype=np.int32),
        np.full(len(parent), -1, dtype=np.int32),
    )
