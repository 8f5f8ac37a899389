"""Reading a cluster file, which may be anything."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
from safetensors import SafetensorError, safe_open

from llmri_clustering.clusters import Clustering
from llmri_clustering.files.consistency import check
from llmri_clustering.files.errors import ClusterFileError
from llmri_clustering.files.record import (
    DIGEST,
    FORMAT,
    KINDS,
    RECORD,
    VERSION,
    Arrays,
    Heading,
    Kind,
    Record,
    clustering_of,
    digest,
    unknown_as_nan,
)

Part = TypeVar("Part", Heading, Record)


class Slice(Protocol):
    """An array of a safetensors file that is not read yet."""

    def get_dtype(self) -> str:
        """Return its dtype as safetensors calls it."""

    def get_shape(self) -> list[int]:
        """Return the length of each axis."""


def load(path: str | os.PathLike[str]) -> Clustering:
    """Read the clustering that `save` wrote.

    Raises:
        ClusterFileError: The file is missing, no cluster file, of a newer version, or damaged. Whatever the
            bytes are, no other error is raised and nothing in them is run.
    """
    source = Path(path)
    try:
        if not source.is_file():
            raise FileNotFoundError(0, "it is no file" if source.exists() else "there is none")
        metadata, arrays = _contents(source)
        record = _record(metadata)
        _check_arrays(metadata, arrays)
        clustering = clustering_of(record, arrays)
        check(clustering)
    except SafetensorError as error:
        raise ClusterFileError(f"{source} is no cluster file, or cut short: {error}") from error
    except OSError as error:
        raise ClusterFileError(f"{source} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ClusterFileError(f"{source} cannot be used: {error}") from error
    return clustering


def _contents(source: Path) -> tuple[Mapping[str, str], Arrays]:
    """Read the metadata, and of the arrays those that are named and typed as they should be."""
    with safe_open(source, framework="numpy") as file:
        metadata = file.metadata() or {}
        names = set(file.keys())
        arrays = {
            name: file.get_tensor(name)
            for name, kind in KINDS.items()
            if name in names and _is(kind, file.get_slice(name))
        }
    return metadata, arrays


def _is(kind: Kind, found: Slice) -> bool:
    return bool(found.get_dtype() == kind.name and len(found.get_shape()) == kind.axes)


def _record(metadata: Mapping[str, str]) -> Record:
    if RECORD not in metadata:
        raise ValueError("it is a safetensors file, but holds no clusters")
    heading = _decoded(metadata[RECORD], Heading)
    if heading.format != FORMAT:
        raise ValueError(f'its format is "{heading.format}", expected "{FORMAT}"')
    if heading.version != VERSION:
        raise ValueError(f"it is of version {heading.version}, this program reads version {VERSION}")
    return _decoded(metadata[RECORD], Record)


def _decoded(written: str, kind: type[Part]) -> Part:
    """Read a record as JSON; what a decoder says of one that is damaged helps nobody.

    Raises:
        ValueError: It is damaged, or another program's.
    """
    try:
        return msgspec.convert(unknown_as_nan(msgspec.json.decode(written)), kind)
    except (msgspec.MsgspecError, RecursionError):
        raise ValueError("its record of clusters is damaged, or another program wrote it") from None


def _check_arrays(metadata: Mapping[str, str], arrays: Arrays) -> None:
    if missing := [name for name in KINDS if name not in arrays]:
        raise ValueError(f"it lacks {missing[0]}, or has it in another type or shape")
    if digest(metadata[RECORD].encode(), arrays) != metadata.get(DIGEST):
        raise ValueError("it is damaged: its checksum is not that of its contents")
