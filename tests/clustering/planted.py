"""Samples in which it is known which units belong together."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.samples import Samples, TurnText

Values = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]


def noise(rng: np.random.Generator, samples: int, units: int, *, memory: float = 0.0) -> Values:
    """Independent units of variance 1, `[samples, units]`; each sample keeps `memory` of the one before."""
    drawn = rng.standard_normal((samples + 200, units))
    slow = lfilter([np.sqrt(1 - memory**2)], [1, -memory], drawn, axis=0)
    return np.asarray(slow[200:], dtype=np.float32)


def blocks(
    rng: np.random.Generator,
    samples: int,
    sizes: Sequence[int],
    *,
    alone: int = 0,
    correlation: float = 0.5,
    memory: float = 0.0,
) -> tuple[Values, Labels]:
    """Units in blocks that share a source, in mixed order, `[samples, units]`, and each unit's block.

    Args:
        sizes: Units of each block.
        alone: Units in no block, -1 in the labels.
        correlation: Expected correlation of two units of one block.
        memory: What a sample keeps of the one before.
    """
    labels = np.repeat(np.arange(-1, len(sizes)), [alone, *sizes]).astype(np.int32)
    values = noise(rng, samples, len(labels), memory=memory)
    source = noise(rng, samples, len(sizes), memory=memory)
    inside = labels >= 0
    values[:, inside] *= np.sqrt(1 - correlation)
    values[:, inside] += np.sqrt(correlation) * source[:, labels[inside]]
    mixed = rng.permutation(len(labels))
    return values[:, mixed], labels[mixed]


def in_turns(values: Values, turns: int, groups: Sequence[str] = ()) -> Samples:
    """Samples as if collected over so many equal turns; the first token of each was left out."""
    count = len(values)
    turn = (np.arange(count) * turns // count).astype(np.int32)
    token = np.concatenate([np.arange(1, 1 + (turn == number).sum()) for number in range(turns)])
    texts = {
        number: TurnText(
            tokens=tuple(f" t{number}.{place}" for place in range(1 + int((turn == number).sum()))),
            group=groups[number % len(groups)] if groups else "",
        )
        for number in range(turns)
    }
    return Samples(values, turn, token.astype(np.int32), texts)
