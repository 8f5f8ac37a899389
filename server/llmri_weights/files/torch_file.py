"""A PyTorch checkpoint of any age: a zip archive since 1.6, and before it pickles one after the other."""

import io
from dataclasses import replace

from llmri_weights.dtypes import DTYPES
from llmri_weights.errors import WeightsError
from llmri_weights.files.byte_source import ByteSource, Seekable
from llmri_weights.files.pickle_machine import Described, Global, Persistent, read_pickle
from llmri_weights.files.stored import Contents, Stored, faults
from llmri_weights.files.torch_tensors import STORAGES, FindStorage, Storage, foreign_names, tensors_in
from llmri_weights.files.zip_entries import Archive

ZIP_MAGIC = b"PK\x03\x04"
PROTOCOLS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
TAR_MAGIC_AT, TAR_MAGIC = 257, b"ustar"
MOST_PICKLE = 1 << 26  # bytes
COUNT_BYTES = 8
MOST_NAMED = 5
DATA_PICKLE = "data.pkl"


def looks_like(source: ByteSource) -> bool:
    """Return whether a source begins as such a file does."""
    head = source.read(0, min(4, source.size)).tobytes()
    return head == ZIP_MAGIC or head[:2] in PROTOCOLS


def read_torch(source: ByteSource) -> Contents:
    """Return what a file holds, found without executing anything in it.

    Raises:
        WeightsError: It is damaged, or no checkpoint of PyTorch.
    """
    if source.read(0, min(4, source.size)).tobytes() == ZIP_MAGIC:
        return _zipped(source)
    if source.size > TAR_MAGIC_AT and source.read(TAR_MAGIC_AT, len(TAR_MAGIC)).tobytes() == TAR_MAGIC:
        raise WeightsError(
            f"{source.name} is a tar archive, as PyTorch wrote before 0.1.10; load and save it anew"
        )
    return _legacy(source)


def _zipped(source: ByteSource) -> Contents:
    archive = Archive(source)
    pickles = [name for name in archive.entries if name.rpartition("/")[2] == DATA_PICKLE]
    if not pickles:
        raise WeightsError(f"{source.name} is a zip archive without a data.pkl: no checkpoint of PyTorch")
    root = pickles[0].removesuffix(DATA_PICKLE)
    order = f"{root}byteorder"
    if order in archive.entries and archive.unpacked(order, 16).strip() == b"big":
        raise WeightsError(f"{source.name} was saved on a big-endian machine; save it with byteorder little")
    described, names = read_pickle(io.BytesIO(archive.unpacked(pickles[0], MOST_PICKLE)), source.name)
    found: dict[str, Storage] = {}

    def find(key: str) -> Storage | None:
        name = f"{root}data/{key}"
        if name in archive.entries and key not in found:
            entry = archive.entry(name)
            found[key] = Storage(entry, 0, entry.size)
        return found.get(key)

    return _contents(described, find, names, source)


def _legacy(source: ByteSource) -> Contents:
    file = io.BufferedReader(Seekable(source), 1 << 16)
    limited = _Limited(file, MOST_PICKLE)
    magic, _ = read_pickle(limited, source.name)
    if magic != LEGACY_MAGIC:
        raise WeightsError(f"{source.name} is a pickle, but no checkpoint of PyTorch")
    protocol, _ = read_pickle(limited, source.name)
    if protocol != LEGACY_PROTOCOL:
        raise WeightsError(f"{source.name} is of protocol {protocol!r}, expected {LEGACY_PROTOCOL}")
    system, _ = read_pickle(limited, source.name)
    if isinstance(system, dict) and system.get("little_endian") is False:
        raise WeightsError(f"{source.name} was saved on a big-endian machine")
    described, names = read_pickle(limited, source.name)
    keys, _ = read_pickle(limited, source.name)
    storages = _legacy_storages(source, file.tell(), keys, _storage_sizes(described))
    return _contents(described, storages.get, names, source)


class _Limited(io.BytesIO):
    """A file of which no more than so many bytes are handed out at once.

    Args:
        file: The file.
        most: At once.
    """

    def __init__(self, file: "io.BufferedReader[Seekable]", most: int) -> None:
        super().__init__()
        self._file, self._most = file, most

    def read(self, size: int | None = -1, /) -> bytes:
        return self._file.read(min(self._most, size if size is not None and size >= 0 else self._most))

    def readline(self, size: int | None = -1, /) -> bytes:
        return self._file.readline(min(self._most, size if size is not None and size >= 0 else self._most))

    def tell(self) -> int:
        return self._file.tell()


def _legacy_storages(
    source: ByteSource, at: int, keys: Described, sizes: dict[str, int]
) -> dict[str, Storage]:
    """Return where each storage lies: each has its number of elements, then its bytes."""
    found: dict[str, Storage] = {}
    for key in keys if isinstance(keys, list) else []:
        if not isinstance(key, str) or key not in sizes or at + COUNT_BYTES > source.size:
            break
        count = int.from_bytes(source.read(at, COUNT_BYTES).tobytes(), "little")
        begin = at + COUNT_BYTES
        size = count * sizes[key]
        found[key] = Storage(source, begin, max(0, min(size, source.size - begin)))
        at = begin + size
    return found


def _storage_sizes(described: Described) -> dict[str, int]:
    """Return how many bytes an element of each storage takes, by the storage's key."""
    found: dict[str, int] = {}
    seen: set[int] = set()
    waiting = [described]
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Persistent) and isinstance(item.key, tuple) and len(item.key) > 2:  # noqa: PLR2004
            kind = STORAGES.get(getattr(item.key[1], "name", ""), "")
            if isinstance(item.key[2], str):
                found[item.key[2]] = DTYPES[kind].size if kind in DTYPES else 1
        elif isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
        elif hasattr(item, "arguments"):
            waiting.extend((item.arguments, item.state, item.items, item.elements))
    return found


def _contents(described: Described, find: FindStorage, names: set[Global], source: ByteSource) -> Contents:
    tensors: list[Stored] = []
    taken: set[str] = set()
    for tensor in tensors_in(described, find, source.name):
        name = tensor.name or "tensor"
        if name not in taken:
            tensors.append(replace(tensor, name=name))
        taken.add(name)
    foreign = foreign_names(names)
    more = len(foreign) - MOST_NAMED
    shown = ", ".join(foreign[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    notices = (f"{source.name} names {shown}, which stay unused",) if foreign else ()
    return Contents(tuple(tensors), {}, faults(tensors), notices)
