"""Arrays of files that are mapped, not read: samples that exceed memory are read a few units at a time."""

import json
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from llmri_clustering.files.errors import ClusterFileError

LENGTH = 8  # bytes before the header of a safetensors file, which give its length
MOST_HEADER = 100_000_000  # bytes, as safetensors allows
DTYPES = {"F16": np.float16, "F32": np.float32, "F64": np.float64}


def map_samples(path: str | os.PathLike[str], name: str = "values") -> npt.NDArray[np.floating]:
    """Map the samples `[samples, units]` of a file, an `.npy` file or an array of a safetensors file.

    What is read of it later, the system may give back at any time, so that it counts towards no memory.

    Args:
        path: The file.
        name: Of the array, in a safetensors file.

    Raises:
        ClusterFileError: It cannot be read, or holds no such array of numbers with two axes.
    """
    source = Path(path)
    try:
        mapped = _npy(source) if source.suffix == ".npy" else _safetensors(source, name)
    except OSError as error:
        raise ClusterFileError(f"{source} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ClusterFileError(f"{source} holds no samples that can be mapped: {error}") from error
    if mapped.ndim != 2 or mapped.dtype.type not in DTYPES.values():  # noqa: PLR2004
        raise ClusterFileError(
            f"{source} holds {mapped.dtype} of shape {mapped.shape}, expected floating numbers, "
            "[samples, units]"
        )
    return mapped


def _npy(source: Path) -> npt.NDArray[np.floating]:
    mapped: npt.NDArray[np.floating] = np.load(source, mmap_mode="r", allow_pickle=False)
    return mapped


def _safetensors(source: Path, name: str) -> npt.NDArray[np.floating]:
    with source.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH), "little")
        if not 0 < length <= MOST_HEADER:
            raise ValueError(f"its header has {length} bytes, expected 1 to {MOST_HEADER}")
        header = json.loads(file.read(length))
    if not isinstance(header, dict) or name not in header:
        raise ValueError(f"there is no array {name!r}")
    about = header[name]
    dtype, shape = np.dtype(DTYPES[about["dtype"]]), tuple(map(int, about["shape"]))
    begin, end = about["data_offsets"]
    first = LENGTH + length + begin
    size = source.stat().st_size
    if (
        min(shape, default=0) < 0
        or end - begin != dtype.itemsize * int(np.prod(shape))
        or not (0 <= begin <= end <= size - LENGTH - length)
    ):
        raise ValueError(f"its bytes {begin} to {end} of {size} do not hold {dtype} of shape {shape}")
    if not end - begin:
        return np.zeros(shape, dtype)
    return np.memmap(source, dtype, "r", first, shape)
