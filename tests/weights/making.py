"""Files that the tests read, written from what the formats' own papers say."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from llmri_weights.arrays import Values
from llmri_weights.checkpoint import Checkpoint
from llmri_weights.weight import Weight

NUMPY = {
    "F32": np.float32,
    "F16": np.float16,
    "I32": np.int32,
    "I64": np.int64,
    "U8": np.uint8,
    "I8": np.int8,
    "U32": np.uint32,
}


def header_bytes(header: Mapping[str, Any]) -> bytes:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def write_safetensors(path: Path, tensors: Mapping[str, tuple[str, Any]]) -> Path:
    """Write arrays, each with the name of its dtype; other bytes go as uint8 with a shape beside them."""
    header: dict[str, Any] = {}
    at, data = 0, b""
    for name, (dtype, array) in tensors.items():
        values, shape = array if isinstance(array, tuple) else (array, array.shape)
        raw = np.ascontiguousarray(values).tobytes()
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + len(raw)]}
        at, data = at + len(raw), data + raw
    path.write_bytes(header_bytes(header) + data)
    return path


def arrays(**tensors: Any) -> dict[str, tuple[str, Any]]:
    """Return arrays with the name of their dtype."""
    names = {np.dtype(kind): name for name, kind in NUMPY.items()}
    return {name: (names[array.dtype], array) for name, array in tensors.items()}


def weight(checkpoint: Checkpoint, name: str) -> Weight:
    return next(found for found in checkpoint.weights if found.name == name)


def values(checkpoint: Checkpoint, name: str) -> Values:
    found = weight(checkpoint, name)
    matrix = found.matrix()
    return matrix.window(0, matrix.rows, 0, matrix.columns).reshape(found.shape)
