"""A summary of a checkpoint: the statistics of every 32x32 block, kept in a file, made tensor by tensor.

The file is a safetensors file of its final size from the start. A tensor's flag in `done` is set once its
numbers are on the disk: whatever ends the work in between, what was finished stays, the rest is made later.
"""

import hashlib
import json
import os
import struct
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from llmri_weights.arrays import Bytes, Values
from llmri_weights.checkpoint import Checkpoint
from llmri_weights.decoding.bfloat16 import from_bfloat16, to_bfloat16
from llmri_weights.errors import WeightsError
from llmri_weights.kernels import BLOCK, VERSION, BlockSums, block_sums
from llmri_weights.matrices import Matrix, matrix_shape, unconverted
from llmri_weights.pyramid import FINEST, Level, level_of
from llmri_weights.weight import Weight

STATISTICS = {"mean": "BF16", "rms": "BF16", "absmax": "BF16", "nonfinite": "U32"}
SIZES = {"BF16": 2, "U32": 4, "U8": 1}
DONE = "done"
BAND_ROWS = 1 << 21  # elements read at once, in whole rows of blocks


def cache_folder() -> Path:
    """Return where summaries are kept for this user."""
    given = os.environ.get("XDG_CACHE_HOME")
    if given:
        return Path(given) / "llmri" / "weights"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "llmri" / "weights"
    home = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return home / "llmri" / "weights"


def identity(checkpoint: Checkpoint) -> str:
    """Return what changes when a checkpoint's files or their headers do."""
    told = [
        (part.source.name, part.source.identity, part.name, part.dtype, part.shape, part.offset)
        for weight in checkpoint.weights
        for part in weight.parts
    ]
    return hashlib.sha256(json.dumps([VERSION, told]).encode()).hexdigest()[:32]


class Summary:
    """The summary of one checkpoint, in a file.

    Args:
        checkpoint: What it sums up.
        folder: Where the file is, or will be; it is named after the checkpoint's identity.

    Raises:
        WeightsError: The file can't be made or read.
    """

    def __init__(self, checkpoint: Checkpoint, folder: Path) -> None:
        self._weights = {weight.name: weight for weight in checkpoint.weights}
        self._order = {name: number for number, name in enumerate(self._weights)}
        self.path = folder / f"{identity(checkpoint)}.safetensors"
        self._head, self._offsets, self._size = _laid_out(checkpoint)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not self._usable():
                self._make()
        except OSError as error:
            raise WeightsError(f"the summary {self.path} can't be made: {error.strerror}") from None

    def done(self, name: str) -> bool:
        """Return whether a tensor has been summed up."""
        return bool(self._read(DONE, self._order[name], 1)[0])

    def level(self, name: str) -> Level | None:
        """Return the statistics of a tensor's blocks of 32x32 elements, or None while there are none."""
        if not self.done(name):
            return None
        shape = _blocks(self._weights[name])
        found = {
            kind: self._array(f"{name}/{FINEST}/{kind}", dtype, shape) for kind, dtype in STATISTICS.items()
        }
        return Level(**found)

    def build(
        self,
        first: Iterable[str] = (),
        *,
        on_tensor: Callable[[Weight], object] = lambda _weight: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> tuple[str, ...]:
        """Sum up what is not yet summed up, and return why some tensors can't be.

        Args:
            first: Names of the tensors that are wanted soonest.
            on_tensor: Is told each tensor once it is done.
            stopped: Returns whether to stop; what is finished stays.

        Raises:
            WeightsError: The disk is full, or closed to us.
        """
        problems: list[str] = []
        for name in dict.fromkeys((*first, *self._weights)):
            if stopped():
                break
            weight = self._weights[name]
            try:
                if not self.done(name):
                    sums = summed(weight.matrix(), stopped)
                    if sums is None:
                        break
                    self._keep(name, level_of(sums, matrix_shape(weight.shape)))
            except OSError as error:
                raise WeightsError(f"the summary {self.path} can't be written: {error.strerror}") from None
            except WeightsError as error:
                problems.append(str(error))
            on_tensor(weight)
        return tuple(problems)

    def _keep(self, name: str, level: Level) -> None:
        with self.path.open("r+b") as file:
            for kind, dtype in STATISTICS.items():
                values = getattr(level, kind)
                stored = (
                    values.astype(np.uint32) if dtype == "U32" else to_bfloat16(values, up=kind == "absmax")
                )
                file.seek(self._offsets[f"{name}/{FINEST}/{kind}"])
                file.write(np.ascontiguousarray(stored).tobytes())
            _to_disk(file)
            file.seek(self._offsets[DONE] + self._order[name])
            file.write(b"\x01")
            _to_disk(file)

    def _array(self, name: str, dtype: str, shape: tuple[int, int]) -> Values:
        data = self._read(name, 0, shape[0] * shape[1] * SIZES[dtype])
        if dtype == "U32":
            return data.view(np.uint32).reshape(shape)
        return from_bfloat16(data.view(np.uint16)).reshape(shape)

    def _read(self, name: str, begin: int, count: int) -> Bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(self._offsets[name] + begin)
                data = file.read(count)
        except OSError as error:
            raise WeightsError(f"the summary {self.path} can't be read: {error.strerror}") from None
        if len(data) < count:
            raise WeightsError(f"the summary {self.path} was cut short; delete it, and it is made anew")
        return np.frombuffer(data, np.uint8)

    def _usable(self) -> bool:
        if not self.path.is_file() or self.path.stat().st_size != self._size:
            return False
        with self.path.open("rb") as file:
            return file.read(len(self._head)) == self._head

    def _make(self) -> None:
        part = self.path.with_suffix(f".{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                file.write(self._head)
                file.truncate(self._size)
                _to_disk(file)
            part.replace(self.path)
        finally:
            part.unlink(missing_ok=True)


def summed(matrix: Matrix, stopped: Callable[[], bool] = lambda: False) -> BlockSums | None:
    """Return the sums of a matrix's blocks, or None where it was stopped.

    Raises:
        WeightsError: The matrix can't be read.
    """
    found = []
    step = max(BLOCK, BAND_ROWS // max(1, matrix.columns) // BLOCK * BLOCK)
    for top in range(0, matrix.rows if matrix.columns else 0, step):
        if stopped():
            return None
        band = unconverted(matrix, top, min(matrix.rows, top + step), 0, matrix.columns)
        found.append(block_sums(band, wait=True))
    if not found:
        return BlockSums(
            *(np.zeros((-(-matrix.rows // BLOCK), -(-matrix.columns // BLOCK))) for _ in range(4))
        )
    return BlockSums(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _blocks(weight: Weight) -> tuple[int, int]:
    rows, columns = matrix_shape(weight.shape)
    return -(-rows // BLOCK), -(-columns // BLOCK)


def _laid_out(checkpoint: Checkpoint) -> tuple[bytes, Mapping[str, int], int]:
    """Return a summary's header, where each of its tensors begins, and the size of its file."""
    entries: dict[str, Any] = {"__metadata__": {"of": checkpoint.name, "kernel": str(VERSION)}}
    shapes = {(weight.name, kind): _blocks(weight) for weight in checkpoint.weights for kind in STATISTICS}
    named = {
        f"{name}/{FINEST}/{kind}": (STATISTICS[kind], list(shape)) for (name, kind), shape in shapes.items()
    }
    named[DONE] = ("U8", [len(checkpoint.weights)])
    at = 0
    for name, (dtype, shape) in sorted(named.items(), key=lambda item: -SIZES[item[1][0]]):
        size = int(np.prod(shape, dtype=np.int64)) * SIZES[dtype]
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    head = struct.pack("<Q", len(text)) + text
    offsets = {name: len(head) + entry["data_offsets"][0] for name, entry in entries.items() if name in named}
    return head, offsets, len(head) + at


def _to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
