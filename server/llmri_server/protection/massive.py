"""Massive activations: a few fixed units that are enormous on a few tokens, whatever the text says.

Sun, Chen, Kolter, Liu, "Massive Activations in Large Language Models", 2024, arXiv 2402.17762. Models use
them like biases: attention rests on the tokens that carry them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_protocol.sites import STREAM

LEAST_MAGNITUDE = 100.0
LEAST_RATIO = 1000.0  # to the median magnitude of the layer's hidden state; both from section 2.2
RESIDUAL = STREAM
TOKENS_NAMED = 3


@dataclass(frozen=True)
class Massive:
    """A unit with massive activations.

    `value` is its largest, `ratio` that to the median magnitude of the layer, and `positions` are all
    where the unit is massive, the largest first.
    """

    site: str
    layer: int
    unit: int
    value: float
    ratio: float
    positions: tuple[int, ...]


def massive_activations(site: str, layer: int, rows: npt.NDArray[np.float32]) -> Iterator[Massive]:
    """Yield the units of a layer that are massive anywhere in a text.

    Args:
        site: A residual site.
        layer: The layer.
        rows: Its activations, `[positions, units]`.
    """
    magnitudes = np.abs(rows)
    median = float(np.median(magnitudes))
    # Where the median is zero, whatever is large enough is massive.
    massive = (magnitudes > LEAST_MAGNITUDE) & (magnitudes >= LEAST_RATIO * median)
    for unit in np.flatnonzero(massive.any(axis=0)):
        positions = np.flatnonzero(massive[:, unit])
        positions = positions[np.argsort(-magnitudes[positions, unit], kind="stable")]
        value = float(rows[positions[0], unit])
        ratio = abs(value) / median if median else float("inf")
        yield Massive(site, layer, int(unit), value, ratio, tuple(map(int, positions)))


def in_words(found: Massive, ids: Sequence[int], text_of: Callable[[int], str]) -> str:
    """Say how large it is, and on which tokens: the first, or which texts."""
    tokens = ["the first token" if at == 0 else f"`{_shown(text_of(ids[at]))}`" for at in found.positions]
    named = list(dict.fromkeys(tokens))
    more = len(named) - TOKENS_NAMED
    where = ", ".join(named[:TOKENS_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{found.value:,.0f} on {where}, {found.ratio:,.0f} times the median"


def _shown(text: str) -> str:
    return repr(text)[1:-1]
