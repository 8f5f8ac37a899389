"""What the files of a checkpoint say before they are loaded: adapters, missing shards, files cut short."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from llmri_server.runtime import LoadError
from llmri_server.runtimes.common.model_names import WEIGHTS

HEADER_LENGTH = struct.Struct("<Q")
LFS_POINTER = b"version https://git-lfs"
PLAIN = frozenset({"F64", "F32", "F16", "BF16"})
QUANTISED = frozenset({"I8", "U8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "F6_E2M3", "F6_E3M2"})


def check_files(folder: Path, *, quantised: bool) -> None:
    """Check that all weight files of a folder are there and whole, and hold plain numbers if they should.

    Raises:
        LoadError: They are not; the message names the file, or the tensor.
    """
    for file in _weight_files(folder):
        with file.open("rb") as opened:
            if opened.read(len(LFS_POINTER)) == LFS_POINTER:
                raise _faulty(file, "is a pointer of Git LFS and holds no weights: run `git lfs pull`")
        if file.suffix != ".safetensors":
            _check_pickled(file)
        elif not quantised:
            _refuse_quantised(file, _header(file))
        else:
            _header(file)


def _weight_files(folder: Path) -> list[Path]:
    """Return the files that the library will read."""
    for name in WEIGHTS:
        if (folder / name).is_file():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.is_file():
            return _shards(index)
    return []  # the library says so, or knows another way


def _shards(index: Path) -> list[Path]:
    try:
        shards = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        files = [index.parent / shard for shard in shards]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _faulty(index, "is no index of weights: it has no map of tensors to files") from None
    lacking = [file.name for file in files if not file.is_file()]
    if lacking:
        raise LoadError(
            f"the folder {index.parent} lacks {_some(lacking)}: {index.name} names {len(files)} files with "
            f"weights, and {len(files) - len(lacking)} are there"
        )
    return files


def _check_pickled(file: Path) -> None:
    """Check that a file of torch's is a whole archive, or one of the old kind, which does not tell."""
    with file.open("rb") as opened:
        start = opened.read(2)
    if start == b"PK" and not is_zipfile(file):
        raise _faulty(file, f"is cut short at {file.stat().st_size} bytes; fetch it again")
    if start[:1] not in (b"P", b"\x80"):
        raise _faulty(file, "holds no weights: it is neither an archive of torch's nor an older file of its")


def _header(file: Path) -> Mapping[str, Any]:
    """The header of a safetensors file: each tensor's dtype, shape and place (its own format's page)."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(HEADER_LENGTH.size)
        length = HEADER_LENGTH.unpack(start)[0] if len(start) == HEADER_LENGTH.size else size
        if length > size - HEADER_LENGTH.size:
            raise _faulty(file, f"is no safetensors file, or cut short: it has {size} bytes, no whole header")
        try:
            header = json.loads(opened.read(length))
            tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
            ends = max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            raise _faulty(file, "is no safetensors file: its header cannot be read") from None
    expected = HEADER_LENGTH.size + length + ends
    if size != expected:
        raise _faulty(
            file, f"is not whole: its header speaks of {expected} bytes, and it has {size}; fetch it again"
        )
    return tensors


def _refuse_quantised(file: Path, header: Mapping[str, Any]) -> None:
    """Refuse weights in a type that means nothing without scales; masks and positions may be integers."""
    for name, entry in header.items():
        if entry.get("dtype") in QUANTISED and name.endswith("weight"):
            raise _faulty(
                file,
                f"stores `{name}` as {entry['dtype']}, not as one of {', '.join(sorted(PLAIN))}, "
                "and config.json says of no quantisation how to read it",
            )


def _faulty(file: Path, why: str) -> LoadError:
    return LoadError(f"the folder {file.parent} could not be loaded as a model: {file.name} {why}")


def _some(names: list[str]) -> str:
    """Return the first few names, and how many more there are."""
    most = 3
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
