"""The tensors of a checkpoint as the model has them, under the names that all formats share.

Rows that GGUF has reordered are put back, its norms lose what was added to them, Conv1D weights are turned
round, and experts stand alone, however they were stored.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmri_weights.arrangement import Arrangement, Index, arrangement_of, where_interleaved
from llmri_weights.arrays import Values
from llmri_weights.checkpoint import Checkpoint
from llmri_weights.matrices import Matrix, matrix_shape
from llmri_weights.names import canonical, has_sandwich
from llmri_weights.views import Rows, Shifted, Transposed
from llmri_weights.weight import Weight

ARCHITECTURE = "general.architecture"
_ROTATED = re.compile(r"blk\.(\d+)\.attn_([qk])\.(?:weight|bias)")
_STACKED = re.compile(r"blk\.(\d+)\.ffn_(gate|up|down)_exps\.weight")
_FUSED = re.compile(
    r"(.*layers\.(\d+)\.(?:mlp|block_sparse_moe|feed_forward)\.experts)\.(gate_up|down)_proj(?:\.weight)?"
)
WIDENING = ".mlp.c_fc.weight"
GPT_OSS = "gpt_oss"  # whose gate and up rows alternate

OpenMatrix = Callable[[], Matrix]


@dataclass(frozen=True)
class Aligned:
    """A tensor as the model has it.

    Attributes:
        name: What the checkpoint calls it, with an expert's number where it holds several.
        shape: Of its elements.
        weight: What it is stored in.
        matrix: Opens it; raises WeightsError where it can't be read.
    """

    name: str
    shape: tuple[int, ...]
    weight: Weight
    matrix: OpenMatrix


def aligned(checkpoint: Checkpoint) -> dict[str, Aligned]:
    """Return the tensors of a checkpoint by the name that all formats share, in order."""
    architecture = checkpoint.metadata.get(ARCHITECTURE)
    found: dict[str, Aligned] = {}
    if isinstance(architecture, str):
        given = _Gguf(checkpoint.metadata, architecture)
        for weight in checkpoint.weights:
            found.update(given.aligned(weight))
        return found
    sandwich = has_sandwich(weight.name for weight in checkpoint.weights)
    shapes = {weight.name: weight.shape for weight in checkpoint.weights}
    conv1d = _has_conv1d(shapes)
    for weight in checkpoint.weights:
        fused = _FUSED.fullmatch(weight.name)
        if fused and len(weight.shape) == 3:  # noqa: PLR2004  experts, rows, columns
            found.update(_fused(weight, fused, shapes, checkpoint.config))
            continue
        known = canonical(weight.name, sandwich=sandwich)
        turned = conv1d and known.transposed and len(weight.shape) == 2  # noqa: PLR2004
        opened = _transposed(weight.matrix) if turned else weight.matrix
        key = known.name if known.name not in found else weight.name
        found[key] = Aligned(weight.name, weight.shape[:: -1 if turned else 1], weight, opened)
    return found


def _has_conv1d(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Return whether weights under GPT-2's names are stored inputs first: they widen into the MLP."""
    widening = (shape for name, shape in shapes.items() if name.endswith(WIDENING))
    return any(len(shape) == 2 and shape[0] < shape[1] for shape in widening)  # noqa: PLR2004


class _Gguf:
    def __init__(self, metadata: Mapping[str, Any], architecture: str) -> None:
        self._metadata, self._architecture = metadata, architecture
        self._arrangement: Arrangement = arrangement_of(architecture)

    def aligned(self, weight: Weight) -> Iterator[tuple[str, Aligned]]:
        stacked, rotated = _STACKED.fullmatch(weight.name), _ROTATED.fullmatch(weight.name)
        if stacked and len(weight.shape) == 3:  # noqa: PLR2004  experts, rows, columns
            yield from _experts(weight, stacked[1], stacked[2], slice(0, weight.shape[1]), turned=False)
            return
        opened: OpenMatrix = weight.matrix
        heads = self._heads(rotated[2], int(rotated[1])) if rotated and self._arrangement.interleaved else 0
        if heads and weight.shape[0] % (2 * heads) == 0:
            opened = _put_back(weight, heads)
        elif self._arrangement.norm_offset and weight.name.endswith("norm.weight"):
            opened = _shifted(weight.matrix, -self._arrangement.norm_offset)
        yield weight.name, Aligned(weight.name, weight.shape, weight, opened)

    def _heads(self, kind: str, layer: int) -> int:
        count = self._metadata.get(f"{self._architecture}.attention.head_count")
        if kind == "k":
            count = self._metadata.get(f"{self._architecture}.attention.head_count_kv", count)
        if isinstance(count, list):
            count = count[layer] if layer < len(count) else 0
        return count if type(count) is int and count > 0 else 0


def _fused(
    weight: Weight, match: re.Match[str], shapes: Mapping[str, tuple[int, ...]], config: Mapping[str, Any]
) -> Iterator[tuple[str, Aligned]]:
    """Yield the experts of one tensor, `[experts, out, in]` or `[experts, in, out]` as its partner tells."""
    stem, layer, part = match[1], match[2], match[3]
    other = "down" if part == "gate_up" else "gate_up"
    partners = (f"{stem}.{other}_proj", f"{stem}.{other}_proj.weight")
    partner = next((shapes[name] for name in partners if name in shapes), ())
    both, down = (weight.shape, partner) if part == "gate_up" else (partner, weight.shape)
    turned = len(both) == len(down) == 3 and both[1] == down[2] and both[2] == 2 * down[1]  # noqa: PLR2004
    if part == "down":
        yield from _experts(weight, layer, "down", slice(None), turned=turned)
        return
    width = weight.shape[2 if turned else 1]
    alternate = config.get("model_type") == GPT_OSS
    halves = slice(0, width // 2), slice(width // 2, None)
    gate, up = (slice(0, None, 2), slice(1, None, 2)) if alternate else halves
    yield from _experts(weight, layer, "gate", gate, turned=turned)
    yield from _experts(weight, layer, "up", up, turned=turned)


def _experts(
    weight: Weight, layer: str, part: str, outputs: slice, *, turned: bool
) -> Iterator[tuple[str, Aligned]]:
    """Yield each expert of a stack, of which only some outputs are this part's."""
    count, rows, columns = weight.shape
    kept = np.arange(columns if turned else rows)[outputs]
    shape = (len(kept), rows if turned else columns)
    for expert in range(count):
        opened = _expert(weight, expert, kept, turned=turned)
        name = f"blk.{layer}.ffn_{part}.{expert}.weight"
        yield name, Aligned(f"{weight.name}[{expert}].{part}", shape, weight, opened)


def _expert(weight: Weight, expert: int, kept: Index, *, turned: bool) -> OpenMatrix:
    _, rows, _ = weight.shape
    begin = expert * rows

    def opened() -> Matrix:
        flat: Matrix = _as_stack(weight)
        if turned:
            return Rows(Transposed(Rows(flat, np.arange(begin, begin + rows))), kept)
        return Rows(flat, begin + kept)

    return opened


def _as_stack(weight: Weight) -> Matrix:
    """Return a stack of matrices as one under the other, also where their rows are short."""
    matrix = weight.matrix()
    count, rows, columns = weight.shape
    if matrix_shape(weight.shape) == (count * rows, columns):
        return matrix
    return _Refolded(matrix, count * rows, columns)


@dataclass(frozen=True)
class _Refolded:
    """A matrix whose rows are cut into shorter ones."""

    of: Matrix
    rows: int
    columns: int

    def window(self, top: int, bottom: int, left: int, right: int) -> Values:
        """Return a part, as `Matrix.window` does."""
        per = self.of.columns // self.columns
        first, last = top // per, -(-bottom // per)
        whole = self.of.window(first, last, 0, self.of.columns).reshape(-1, self.columns)
        return whole[top - first * per : bottom - first * per, left:right]


def _transposed(opened: OpenMatrix) -> OpenMatrix:
    return lambda: Transposed(opened())


def _shifted(opened: OpenMatrix, by: float) -> OpenMatrix:
    return lambda: Shifted(opened(), by)


def _put_back(weight: Weight, heads: int) -> OpenMatrix:
    """Return a weight or bias whose rotated rows stand as Hugging Face has them."""
    index = where_interleaved(weight.shape[0], heads)
    if len(weight.shape) == 1:
        return lambda: Transposed(Rows(Transposed(weight.matrix()), index))
    return lambda: Rows(weight.matrix(), index)
