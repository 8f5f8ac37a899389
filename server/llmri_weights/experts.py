"""The experts of a mixture, however a checkpoint stores them: what the values of each are like."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from llmri_weights.aligned import Aligned
from llmri_weights.matrices import Matrix, bands

NEAR_ZERO = 1e-6
PARTS = ("gate", "up", "down")
_EXPERT = re.compile(r"blk\.(\d+)\.ffn_(gate|up|down)\.(\d+)\.weight")


@dataclass(frozen=True)
class Expert:
    """One matrix of one expert.

    Attributes:
        layer: Of its block.
        part: `gate`, `up` or `down`.
        number: Of the expert.
        tensor: Where it is.
    """

    layer: int
    part: str
    number: int
    tensor: Aligned


@dataclass(frozen=True)
class ExpertStatistics:
    """What the finite values of an expert's matrix are like.

    Attributes:
        rms: The root of the mean square; comparable across sizes.
        frobenius: The root of the sum of squares.
        mean_abs: The mean magnitude.
        sparsity: The share of values whose magnitude is below 1e-6.
    """

    rms: float
    frobenius: float
    mean_abs: float
    sparsity: float


def experts(tensors: Mapping[str, Aligned]) -> list[Expert]:
    """Return the experts among tensors under the names that all formats share, by layer, part and number."""

    def found() -> Iterator[Expert]:
        for key, tensor in tensors.items():
            match = _EXPERT.fullmatch(key)
            if match:
                yield Expert(int(match[1]), match[2], int(match[3]), tensor)

    return sorted(found(), key=lambda expert: (expert.layer, PARTS.index(expert.part), expert.number))


def expert_statistics(matrix: Matrix) -> ExpertStatistics:
    """Return what the values of an expert's matrix are like.

    Raises:
        WeightsError: It can't be read.
    """
    count = sparse = 0
    squares = magnitudes = 0.0
    for _, band in bands(matrix):
        values = np.abs(band[np.isfinite(band)].astype(np.float64))
        count += values.size
        squares += float(values @ values)
        magnitudes += float(values.sum())
        sparse += int(np.count_nonzero(values < NEAR_ZERO))
    if not count:
        return ExpertStatistics(0.0, 0.0, 0.0, 0.0)
    return ExpertStatistics(
        math.sqrt(squares / count), math.sqrt(squares), magnitudes / count, sparse / count
    )
