"""What GGUF changes about an architecture's numbers: the order of rotated rows, and what is added to norms.

The exporter arranges by this table, and a comparison puts back by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_weights.arrays import Floats

Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Arrangement:
    """What GGUF changes about an architecture.

    Attributes:
        interleaved: Its rotary embedding turns neighbouring pairs of a head, where Hugging Face turns halves
            (Su et al. 2021 against GPT-NeoX); query and key rows are reordered to match.
        norm_offset: What the model adds to the weight of a norm, and GGUF has added already.
    """

    interleaved: bool = False
    norm_offset: float = 0.0


_PLAIN, _INTERLEAVED, _OFFSET = Arrangement(), Arrangement(interleaved=True), Arrangement(norm_offset=1.0)

ARRANGEMENTS: Mapping[str, Arrangement] = {  # by llama.cpp's name of the architecture
    "llama": _INTERLEAVED,
    "granite": _INTERLEAVED,
    "granitemoe": _INTERLEAVED,
    "minicpm": _INTERLEAVED,
    "deci": _INTERLEAVED,
    "gemma": _OFFSET,
    "gemma2": _OFFSET,
    "gemma3": _OFFSET,
    "nemotron": _OFFSET,
}


def arrangement_of(architecture: str) -> Arrangement:
    """Return what GGUF changes about an architecture of llama.cpp's; nothing where the table has none."""
    return ARRANGEMENTS.get(architecture, _PLAIN)


def interleave(rows: Floats, heads: int) -> Floats:
    """Reorder `[heads * width, ...]` so that the halves of each head alternate."""
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows.shape))


def where_interleaved(rows: int, heads: int) -> Index:
    """Return where each row stands once `interleave` has reordered them, `[rows]`."""
    pairs = np.arange(rows).reshape(heads, rows // heads // 2, 2)
    return pairs.swapaxes(1, 2).reshape(rows)
