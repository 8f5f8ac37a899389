"""A model's tensors, wherever and however they are stored."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from llmri_weights.errors import WeightsError
from llmri_weights.files.remote import is_remote, open_remote
from llmri_weights.files.shards import Folder, Place, read_json, read_place
from llmri_weights.files.stored import Contents
from llmri_weights.packed import unpacked
from llmri_weights.weight import Weight

CONFIGS = ("config.json", "quantize_config.json", "adapter_config.json")


@dataclass(frozen=True)
class Checkpoint:
    """A model's tensors.

    Attributes:
        name: What a person calls it.
        weights: In the order of the files.
        config: What `config.json` beside them says; empty where there is none.
        adapter: What `adapter_config.json` says, likewise.
        metadata: What the files say themselves.
        problems: Sentences about what is wrong; what is good is in `weights` all the same.
        notices: Sentences about what was left aside.
    """

    name: str
    weights: tuple[Weight, ...]
    config: Mapping[str, Any]
    adapter: Mapping[str, Any]
    metadata: Mapping[str, Any]
    problems: tuple[str, ...]
    notices: tuple[str, ...]

    def close(self) -> None:
        """Close the files, so that no one is kept from moving them."""
        for weight in self.weights:
            for part in weight.parts:
                part.source.close()

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_checkpoint(name: str) -> Checkpoint:
    """Open a folder, an index, or a file, from headers alone; one of several parts opens with all of them.

    A name that begins with `hf://` is one of a hub's, read by ranges.

    Raises:
        WeightsError: There is none, or its one file can't be read.
    """
    if is_remote(name):
        repository, file = open_remote(name)
        return from_place(name, repository, file)
    path = Path(os.path.expanduser(name))  # noqa: PTH111  `Path.expanduser` raises for nobody's home
    with suppress(OSError):
        if path.is_dir():
            return from_place(name, Folder(path))
        if path.exists() and not path.is_file():
            raise WeightsError(f"{name} is neither a file nor a folder, but a device, a pipe or a socket")
        if path.exists():
            return from_place(name, Folder(path.parent), path.name)
    raise WeightsError(f"{name} is neither a file nor a folder")


def from_place(name: str, place: Place, chosen: str = "") -> Checkpoint:
    """Open the checkpoint of a place, or one of its files.

    Raises:
        WeightsError: There is none, or its one file can't be read.
    """
    contents = read_place(place, chosen)
    problems = list(contents.problems)
    configs: dict[str, dict[str, Any]] = {}
    for file in CONFIGS:
        try:
            configs[file] = read_json(place, file)
        except WeightsError as error:
            configs[file] = {}
            problems.append(str(error))
    config, quantize, adapter = (configs[file] for file in CONFIGS)
    if quantize and "quantization_config" not in config:
        config = {**config, "quantization_config": quantize}
    return Checkpoint(
        name,
        _with_twins(_weights(contents, config)),
        config,
        adapter,
        contents.metadata,
        tuple(problems),
        contents.notices,
    )


def _weights(contents: Contents, config: Mapping[str, Any]) -> list[Weight]:
    return unpacked(contents.tensors, config)


def _with_twins(weights: Iterable[Weight]) -> tuple[Weight, ...]:
    """Return weights, each with the name of an earlier one that lies in the same place."""
    first: dict[Any, str] = {}
    found = []
    for weight in weights:
        place = tuple(
            (id(part.source), part.offset, part.nbytes, part.shape, part.strides) for part in weight.parts
        )
        twin = first.setdefault(place, weight.name) if weight.nbytes and not weight.fault else weight.name
        found.append(replace(weight, same_as=twin) if twin != weight.name else weight)
    return tuple(found)
