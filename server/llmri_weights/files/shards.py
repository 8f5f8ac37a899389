"""Which files make up a checkpoint: one, the shards of an index, the parts of a split GGUF, or a folder's."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Protocol

from llmri_protocol.user_files import TextError, read_text
from llmri_weights.errors import WeightsError
from llmri_weights.files import gguf_file
from llmri_weights.files.byte_source import ByteSource, LocalFile
from llmri_weights.files.formats import format_by_name, read_header
from llmri_weights.files.stored import Contents, Stored

INDEX = ".index.json"
NUMBERED = re.compile(r"(?P<stem>.*)-(?P<number>\d+)-of-(?P<count>\d+)(?P<suffix>\.[a-z]+)", re.DOTALL)
PREFERRED = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt")
NOT_WEIGHTS = frozenset(
    {"training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "optimizer.bin"}
)
MOST_NAMED = 5


class Place(Protocol):
    """Where the files of a checkpoint are: a folder on the disk, or a repository elsewhere."""

    @property
    def name(self) -> str:
        """Return what a person calls it."""

    def names(self) -> Sequence[str]:
        """Return the names of the files, in order."""

    def text(self, name: str) -> str:
        """Return the text of a file."""

    def source(self, name: str) -> ByteSource:
        """Return the bytes of a file."""


class Folder:
    """A folder on the disk.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def names(self) -> list[str]:
        """Return the names of the files, in order."""
        try:
            return sorted(entry.name for entry in self.path.iterdir() if entry.is_file())
        except OSError as error:
            raise WeightsError(f"{self.path} can't be read: {error.strerror}") from None

    def text(self, name: str) -> str:
        """Return the text of a file."""
        try:
            return read_text(self.path / name)
        except OSError as error:
            raise WeightsError(f"{self.path / name} can't be read: {error.strerror}") from None
        except TextError as error:
            raise WeightsError(f"{self.path / name} can't be used: {error}") from None

    def source(self, name: str) -> LocalFile:
        """Return the bytes of a file."""
        return LocalFile(self.path / name)


def read_place(place: Place, chosen: str = "") -> Contents:
    """Return what the files of a place hold together.

    Args:
        place: The folder.
        chosen: One of its files, or an index; by default what a loader would take.

    Raises:
        WeightsError: There is no checkpoint, or its one file can't be read.
    """
    names = place.names()
    if chosen.endswith(INDEX):
        return _indexed(place, chosen)
    if chosen:
        return _together(place, _parts(chosen, names), [])
    indexes = [name for name in names if name.endswith(INDEX)]
    indexes.sort(key=lambda name: (".safetensors" not in name, name))
    if indexes:
        return _indexed(place, indexes[0])
    for suffix in PREFERRED:
        found = [name for name in names if name.endswith(suffix) and name not in NOT_WEIGHTS]
        if found:
            return _of_suffix(place, found, names)
    raise WeightsError(f"{place.name} holds no checkpoint: no {', '.join(PREFERRED)} file")


def read_json(place: Place, name: str) -> dict[str, Any]:
    """Return the object in a JSON file of a place, and {} where there is no such file.

    Raises:
        WeightsError: It is no JSON object.
    """
    if name not in place.names():
        return {}
    try:
        found = json.loads(place.text(name))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{name} in {place.name} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise WeightsError(f"{name} in {place.name} is no JSON object")
    return found


def _of_suffix(place: Place, found: Sequence[str], names: Sequence[str]) -> Contents:
    if found[0].endswith(".gguf"):
        models = dict.fromkeys(tuple(_parts(name, names)) for name in found)
        if len(models) > 1:
            listed = _listed([parts[0] for parts in models])
            raise WeightsError(f"{place.name} holds {len(models)} GGUF models; name one of {listed}")
    missing = [part for name in found for part in _parts(name, names) if part not in names]
    return _together(place, sorted({*found, *missing}), [])


def _parts(chosen: str, names: Sequence[str]) -> list[str]:
    """Return the names of all numbered parts that a file is one of."""
    match = NUMBERED.fullmatch(chosen)
    whole = match is not None and (chosen.endswith(".gguf") or any(name.endswith(INDEX) for name in names))
    if match is None or not (whole or chosen.endswith(".gguf")):
        return [chosen]
    digits, count = len(match["count"]), int(match["count"])
    if count > len(names) + 1000:
        return [chosen]
    return [
        f"{match['stem']}-{number:0{digits}d}-of-{match['count']}{match['suffix']}"
        for number in range(1, count + 1)
    ]


def _indexed(place: Place, index: str) -> Contents:
    mapping = read_json(place, index).get("weight_map")
    if not isinstance(mapping, dict) or not all(isinstance(name, str) for name in mapping.values()):
        raise WeightsError(f"{index} in {place.name} has no weight_map from names to files")
    shards = sorted(set(mapping.values()))
    outside = [name for name in shards if PurePath(name).name != name or name in {"", ".", ".."}]
    if outside:
        raise WeightsError(f"{index} in {place.name} names {outside[0]!r}, expected a file beside it")
    contents = _together(place, shards, [name for name in place.names() if _is_stray(name, shards)])
    return _as_indexed(contents, mapping, index)


def _is_stray(name: str, shards: Sequence[str]) -> bool:
    suffixes = {PurePath(shard).suffix for shard in shards}
    return PurePath(name).suffix in suffixes and name not in shards and name not in NOT_WEIGHTS


def _as_indexed(contents: Contents, mapping: Mapping[str, str], index: str) -> Contents:
    read = {PurePath(tensor.source.name.partition(", entry ")[0]).name for tensor in contents.tensors}
    here = {tensor.name for tensor in contents.tensors}
    absent = [name for name, shard in mapping.items() if name not in here and shard in read]
    extra = [name for name in here if name not in mapping]
    problems = (f"{index} names {_listed(absent)}, which no shard holds",) if absent else ()
    notices = (f"{index} does not name {_listed(sorted(extra))}, which the shards hold",) if extra else ()
    return Contents(
        contents.tensors, contents.metadata, (*contents.problems, *problems), (*contents.notices, *notices)
    )


def _together(place: Place, files: Sequence[str], strays: Sequence[str]) -> Contents:
    """Read several files; where one of them can't be, that is a problem beside what the others hold."""
    names = place.names()
    missing = [name for name in files if name not in names]
    tensors: dict[str, Stored] = {}
    metadata: dict[str, Any] = {}
    problems = [f"{place.name} lacks {_listed(missing)}"] if missing else []
    notices = (
        [f"{_listed(list(strays))} in {place.name}: not named by the index, left aside"] if strays else []
    )
    for name in files:
        if name in missing:
            continue
        try:
            contents = read_header(place.source(name))
        except WeightsError as error:
            if len(files) == 1:
                raise
            problems.append(str(error))
            continue
        for tensor in contents.tensors:
            if tensor.name in tensors:
                problems.append(
                    f"`{tensor.name}` stands both in {tensors[tensor.name].source.name} and in {name}"
                )
            else:
                tensors[tensor.name] = tensor
        metadata = {**contents.metadata, **metadata}
        problems += contents.problems
        notices += contents.notices
    if missing and not tensors:
        raise WeightsError("; ".join(problems))
    return Contents(tuple(tensors.values()), metadata, tuple(problems), tuple(notices))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def is_checkpoint_file(name: str) -> bool:
    """Return whether a file's name is one of a checkpoint's."""
    return name.endswith(INDEX) or format_by_name(name) is not None or bool(gguf_file.SPLIT.fullmatch(name))
