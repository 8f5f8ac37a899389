"""What a cluster file holds: named arrays, and a record of everything else.

The file is a safetensors file: arrays behind a short header, and nothing in it that could be run. The record
is JSON in its metadata, under `llmri_clustering`; under `digest` stands a checksum over the record and the
arrays.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from llmri_clustering.clusters import Cluster, Clustering, Placement, Provenance
from llmri_clustering.nesting import Nesting
from llmri_clustering.units import UnitSet

FORMAT = "llmri clusters"
VERSION = 1
RECORD = "llmri_clustering"
DIGEST = "digest"
UNKNOWN = {"evidence": ("stability",), "null": ("inside", "separation", "stability")}  # before it is gathered

Array = npt.NDArray[np.generic]
Arrays = Mapping[str, Array]


class Kind(NamedTuple):
    """What an array must be.

    Attributes:
        dtype: As numpy calls it.
        name: The same as safetensors calls it.
        axes: How many.
    """

    dtype: type[np.generic]
    name: str
    axes: int


INTEGERS = Kind(np.int32, "I32", 1)
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "layer": INTEGERS,
        "index": INTEGERS,
        "active": Kind(np.bool_, "BOOL", 1),
        "linkage": Kind(np.float64, "F64", 2),
        "labels": INTEGERS,
        "nesting.parent": INTEGERS,
        "nesting.group": INTEGERS,
        "nesting.node": INTEGERS,
        "group_cluster": INTEGERS,
        "positions": Kind(np.float32, "F32", 2),
        "cells": Kind(np.int32, "I32", 2),
    }
)
"""Every array of the file."""


class Heading(msgspec.Struct, frozen=True):
    """What is read first, of any version.

    Attributes:
        format: Always `llmri clusters`.
        version: Version of the format.
    """

    format: str
    version: int


class Record(Heading, frozen=True):
    """All of a clustering but its arrays; attributes as there."""

    site: str
    clusters: tuple[Cluster, ...]
    shape: tuple[int, int]
    provenance: Provenance


def record_of(clustering: Clustering) -> Record:
    """Return the record of a clustering."""
    return Record(
        format=FORMAT,
        version=VERSION,
        site=clustering.units.site,
        clusters=clustering.clusters,
        shape=clustering.placement.shape,
        provenance=clustering.provenance,
    )


def arrays_of(clustering: Clustering) -> Arrays:
    """Return the arrays of a clustering by name, each contiguous and of its dtype."""
    arrays: Arrays = {
        "layer": clustering.units.layer,
        "index": clustering.units.index,
        "active": clustering.active,
        "linkage": clustering.linkage,
        "labels": clustering.labels,
        "nesting.parent": clustering.nesting.parent,
        "nesting.group": clustering.nesting.group,
        "nesting.node": clustering.nesting.node,
        "group_cluster": clustering.group_cluster,
        "positions": clustering.placement.positions,
        "cells": clustering.placement.cells,
    }
    return {name: np.ascontiguousarray(array, dtype=KINDS[name].dtype) for name, array in arrays.items()}


def clustering_of(record: Record, arrays: Arrays) -> Clustering:
    """Put a clustering together.

    Raises:
        ValueError: The nesting is none.
    """
    array = {name: arrays[name].astype(kind.dtype, copy=False) for name, kind in KINDS.items()}
    return Clustering(
        units=UnitSet(record.site, array["layer"], array["index"]),
        active=array["active"],
        linkage=array["linkage"],
        labels=array["labels"],
        clusters=tuple(
            replace(cluster, selectivity=MappingProxyType(dict(cluster.selectivity)))
            for cluster in record.clusters
        ),
        nesting=Nesting(array["nesting.parent"], array["nesting.group"], array["nesting.node"]),
        group_cluster=array["group_cluster"],
        placement=Placement(array["positions"], array["cells"], record.shape),
        provenance=record.provenance,
    )


def encoded(record: Record) -> bytes:
    """Write a record as JSON."""
    return msgspec.json.encode(record, enc_hook=_plain)


def unknown_as_nan(record: object) -> object:
    """Return a record with NaN for what was not known of the evidence, which JSON has as null."""
    clusters = record.get("clusters") if isinstance(record, dict) else None
    for cluster in clusters if isinstance(clusters, list) else ():
        for part, may_be_unknown in UNKNOWN.items():
            numbers = cluster.get(part) if isinstance(cluster, dict) else None
            if isinstance(numbers, dict):
                numbers.update(
                    {name: math.nan for name in may_be_unknown if numbers.get(name, math.nan) is None}
                )
    return record


def digest(record: bytes, arrays: Arrays) -> str:
    """Return a checksum over a record and every array's name, shape and bytes, 32 hexadecimal digits."""
    sum_ = blake2b(record, digest_size=16)
    for name in sorted(arrays):
        sum_.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode())
        sum_.update(np.ascontiguousarray(arrays[name]).data.cast("B") if arrays[name].size else b"")
    return sum_.hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"a record holds no {type(value).__name__}")
