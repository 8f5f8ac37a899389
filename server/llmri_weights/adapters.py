"""LoRA adapters (Hu et al. 2021): the tensors of a base model with an adapter's products added."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmri_weights.aligned import Aligned, OpenMatrix
from llmri_weights.arrays import Values
from llmri_weights.checkpoint import Checkpoint
from llmri_weights.errors import WeightsError
from llmri_weights.names import canonical, has_sandwich
from llmri_weights.views import LowRank
from llmri_weights.weight import Weight

_PART = re.compile(r"(.+)\.lora_([AB])(?:\.default)?\.weight")
_EMBEDDING = re.compile(r"(.+)\.lora_embedding_([AB])(?:\.default)?")


@dataclass(frozen=True)
class Pair:
    """The two thin matrices beside a target, and what their product is multiplied by.

    Attributes:
        inner: `[rank, inputs]`.
        outer: `[outputs, rank]`.
        scale: Of the product.
        turned: Whether the product is turned round, as an embedding's is.
    """

    inner: Weight
    outer: Weight
    scale: float
    turned: bool


def is_adapter(checkpoint: Checkpoint) -> bool:
    """Return whether a checkpoint holds an adapter and no model."""
    return any(_matched(weight.name) for weight in checkpoint.weights)


def adapted(base: Mapping[str, Aligned], checkpoint: Checkpoint) -> dict[str, Aligned]:
    """Return the adapter's targets as the adapter makes them, by the name that all formats share.

    Raises:
        WeightsError: The adapter is of another kind, or fits another model.
    """
    config = checkpoint.adapter
    if config.get("use_dora"):
        raise WeightsError(f"{checkpoint.name} is a DoRA adapter, which is not read; LoRA adapters are")
    found: dict[str, Aligned] = {}
    for target, (name, pair) in _pairs(checkpoint, config).items():
        if target not in base:
            raise WeightsError(
                f"{checkpoint.name} adapts `{name}`, which the base has not; is it of another model?"
            )
        outputs, inputs = pair.outer.shape[0], pair.inner.shape[1]
        shape = (inputs, outputs) if pair.turned else (outputs, inputs)
        if shape != base[target].shape:
            raise WeightsError(
                f"{checkpoint.name} adapts `{name}` as {list(shape)}, "
                f"but the base has {list(base[target].shape)}"
            )
        found[target] = Aligned(name, shape, pair.outer, _opened(base[target].matrix, pair))
    return found


def _opened(base: OpenMatrix, pair: Pair) -> OpenMatrix:
    def opened() -> LowRank:
        inner, outer = _whole(pair.inner), _whole(pair.outer)
        if pair.turned:
            inner, outer = outer.T, inner.T
        return LowRank(base(), outer, inner, pair.scale)

    return opened


def _whole(weight: Weight) -> Values:
    matrix = weight.matrix()
    return matrix.window(0, matrix.rows, 0, matrix.columns)


def _matched(name: str) -> tuple[str, str, bool] | None:
    """Return what a tensor adapts, which of the two it is, and whether it is an embedding's."""
    part, embedding = _PART.fullmatch(name), _EMBEDDING.fullmatch(name)
    match = part or embedding
    return (match[1], match[2], embedding is not None) if match else None


def _pairs(checkpoint: Checkpoint, config: Mapping[str, Any]) -> dict[str, tuple[str, Pair]]:
    halves: dict[str, dict[str, Weight]] = {}
    turned: dict[str, bool] = {}
    for weight in checkpoint.weights:
        match = _matched(weight.name)
        if match and len(weight.shape) == 2:  # noqa: PLR2004
            halves.setdefault(match[0], {})[match[1]] = weight
            turned[match[0]] = match[2]
    sandwich = has_sandwich(weight.name for weight in checkpoint.weights)
    found = {}
    for stem, both in halves.items():
        if set(both) != {"A", "B"} or both["A"].shape[0] != both["B"].shape[1]:
            raise WeightsError(f"{checkpoint.name} has no two matrices of one rank for `{stem}`")
        pair = Pair(both["A"], both["B"], _scale(config, stem, both["A"].shape[0]), turned[stem])
        found[canonical(f"{stem}.weight", sandwich=sandwich).name] = (f"{stem}.weight", pair)
    return found


def _scale(config: Mapping[str, Any], stem: str, rank: int) -> float:
    """Return alpha over the rank, or its root where the adapter is rank-stabilised (Kalajdzievski 2023)."""
    alpha = _patterned(config.get("alpha_pattern"), stem, config.get("lora_alpha", rank))
    if not isinstance(alpha, int | float) or rank <= 0:
        raise WeightsError(
            f"the adapter of `{stem}` has the alpha {alpha!r} and rank {rank}, expected numbers above 0"
        )
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _patterned(patterns: object, stem: str, otherwise: object) -> object:
    if isinstance(patterns, dict):
        for pattern, value in patterns.items():
            if stem == pattern or stem.endswith(f".{pattern}"):
                return value
    return otherwise
