"""All packings. One more is one module and one line here, or an entry point of another package."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from llmri_weights.files.stored import Stored
from llmri_weights.packed import bitsandbytes, block_float, compressed_tensors, gptq, microscaled, mlx
from llmri_weights.packed.packing import Find
from llmri_weights.weight import Weight, plain_weight

ENTRY_POINTS = "llmri.weights.packings"

PACKINGS: tuple[Find, ...] = (
    gptq.find,
    bitsandbytes.find,
    compressed_tensors.find,
    microscaled.find,
    block_float.find,
    mlx.find,
)


def unpacked(tensors: Iterable[Stored], config: Mapping[str, Any]) -> list[Weight]:
    """Return the weights that tensors of files stand for, in the order of the files.

    Every packing takes the tensors that are its own; the rest are what they are.
    """
    left = {tensor.name: tensor for tensor in tensors}
    order = {name: place for place, name in enumerate(left)}
    found: list[Weight] = []
    for find in _all():
        for weight in find(left, config):
            if all(part.name in left for part in weight.parts):
                found.append(weight)
                for part in weight.parts:
                    del left[part.name]
    found += map(plain_weight, left.values())
    return sorted(found, key=lambda weight: order[weight.parts[0].name])


@cache
def _all() -> tuple[Find, ...]:
    return (*PACKINGS, *(point.load() for point in entry_points(group=ENTRY_POINTS)))
