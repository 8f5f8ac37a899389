"""Where each tensor stands on one canvas, a pixel an element: the same tensor of every layer lines up.

A block has a slot for each of its tensors, as large as the largest of any layer, in the same place in every
block; a layer that lacks one leaves its slot empty. Blocks stand under each other in as many columns as make
the canvas nearly square. What is before the blocks stands above them, and what is after them below.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from llmri_weights.aligned import Aligned
from llmri_weights.matrices import matrix_shape

GUTTER = 8  # pixels between slots
STEP = 16  # slots are rounded up to it
_BLOCK = re.compile(r"blk\.(\d+)\.(.+)")
ORDER = (
    "attn_q", "attn_k", "attn_v", "attn_qkv", "attn_output",
    "ffn_gate_inp", "ffn_gate", "ffn_up", "ffn_down",
    "attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm",
)  # fmt: skip
AFTER = ("output_norm", "output")
_PARTS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Placed:
    """A tensor on the canvas; a pixel of it is an element.

    Attributes:
        key: The tensor's name that all formats share.
        layer: Of its block, or None.
        x: Of its left edge.
        y: Of its upper edge.
        width: Its columns.
        height: Its rows.
    """

    key: str
    layer: int | None
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Canvas:
    """All tensors of a checkpoint.

    Attributes:
        width: Of the whole, in pixels.
        height: Of the whole.
        placed: The tensors.
    """

    width: int
    height: int
    placed: tuple[Placed, ...]


Size = tuple[int, int]  # rows, columns


def lay_out(tensors: Mapping[str, Aligned]) -> Canvas:
    """Return where tensors stand, under the names that all formats share."""
    return laid_out({key: matrix_shape(tensor.shape) for key, tensor in tensors.items()})


def laid_out(sizes: Mapping[str, Size]) -> Canvas:
    """Return where matrices of such sizes stand."""
    blocks, before, after = _sorted(sizes)
    slots = _slots(blocks, sizes)
    places, block = _shelved(slots)
    columns = _columns(block, len(blocks))
    per_column = -(-len(blocks) // columns) if blocks else 0
    wide = columns * (block[1] + GUTTER)
    placed, top = _row(before, sizes, max(wide, _widest(before, sizes)), 0)
    numbers = range(min(blocks, default=0), max(blocks, default=-1) + 1)
    if blocks:
        per_column = -(-len(numbers) // columns)
    for place, number in enumerate(numbers):
        left, down = place // per_column * (block[1] + GUTTER), top + place % per_column * (block[0] + GUTTER)
        for part, key in blocks.get(number, {}).items():
            x, y = places[part]
            placed.append(Placed(key, number, left + x, down + y, sizes[key][1], sizes[key][0]))
    top += per_column * (block[0] + GUTTER)
    below, end = _row(after, sizes, max(wide, _widest(after, sizes)), top)
    placed += below
    width = max((item.x + item.width for item in placed), default=0)
    return Canvas(width, end, tuple(placed))


def _sorted(sizes: Iterable[str]) -> tuple[dict[int, dict[str, str]], list[str], list[str]]:
    blocks: dict[int, dict[str, str]] = {}
    before, after = list[str](), list[str]()
    for key in sizes:
        match = _BLOCK.fullmatch(key)
        if match:
            blocks.setdefault(int(match[1]), {})[match[2]] = key
        else:
            (after if key.partition(".")[0] in AFTER else before).append(key)
    return (
        blocks,
        sorted(before, key=_natural),
        sorted(after, key=lambda key: AFTER.index(key.partition(".")[0])),
    )


def _slots(blocks: Mapping[int, Mapping[str, str]], sizes: Mapping[str, Size]) -> dict[str, Size]:
    """Return how large the slot of each part is, in the order in which they stand."""
    found: dict[str, Size] = {}
    for parts in blocks.values():
        for part, key in parts.items():
            rows, columns = found.get(part, (0, 0))
            found[part] = max(rows, _rounded(sizes[key][0])), max(columns, _rounded(sizes[key][1]))
    return {part: found[part] for part in sorted(found, key=_rank)}


def _shelved(slots: Mapping[str, Size]) -> tuple[dict[str, tuple[int, int]], Size]:
    """Return where each slot stands in a block, from left to right in rows, and how large the block is."""
    area = sum((rows + GUTTER) * (columns + GUTTER) for rows, columns in slots.values())
    limit = max([2 * math.isqrt(area), *(columns for _, columns in slots.values())])
    places: dict[str, tuple[int, int]] = {}
    x = y = height = width = 0
    for part, (rows, columns) in slots.items():
        if x and x + columns > limit:
            x, y, height = 0, y + height + GUTTER, 0
        places[part] = x, y
        x, height = x + columns + GUTTER, max(height, rows)
        width = max(width, x - GUTTER)
    return places, (y + height, width)


def _columns(block: Size, count: int) -> int:
    """Return in how many columns blocks make the most nearly square canvas."""
    if not count:
        return 1
    rows, columns = block[0] + GUTTER, block[1] + GUTTER

    def longer_side(number: int) -> int:
        return max(number * columns, -(-count // number) * rows)

    return min(range(1, count + 1), key=longer_side)


def _row(keys: Sequence[str], sizes: Mapping[str, Size], limit: int, top: int) -> tuple[list[Placed], int]:
    """Place tensors from left to right in rows, and return where the next may begin."""
    placed, x, height = list[Placed](), 0, 0
    for key in keys:
        rows, columns = sizes[key]
        if x and x + columns > limit:
            x, top, height = 0, top + height + GUTTER, 0
        placed.append(Placed(key, None, x, top, columns, rows))
        x, height = x + _rounded(columns) + GUTTER, max(height, _rounded(rows))
    return placed, top + height + (GUTTER if placed else 0)


def _widest(keys: Iterable[str], sizes: Mapping[str, Size]) -> int:
    return max((sizes[key][1] for key in keys), default=0)


def _rounded(length: int) -> int:
    return -(-length // STEP) * STEP


def _rank(part: str) -> tuple[int, list[tuple[bool, int, str]]]:
    stem = part.partition(".")[0]
    return ORDER.index(stem) if stem in ORDER else len(ORDER), _natural(part)


def _natural(text: str) -> list[tuple[bool, int, str]]:
    """Return a key that sorts numbers inside names as numbers."""
    return [
        (piece.isdigit(), int(piece) if piece.isdigit() else 0, piece)
        for piece in _PARTS.split(text)
        if piece
    ]
