"""What a model's name means on this machine; known in a moment, before any library is loaded."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from llmri_protocol.bundled import BUNDLED
from llmri_server.runtime import LoadError

ADAPTERS = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # in the order in which the library looks for them


@dataclass(frozen=True)
class Source:
    """A folder or hub id, the name to show, and whether the hub shall be left alone."""

    location: str
    name: str
    local_only: bool = True

    @property
    def folder(self) -> Path | None:
        """The folder, where it is one."""
        return Path(self.location) if os.path.isdir(self.location) else None  # noqa: PTH112  as below

    @property
    def in_words(self) -> str:
        """What to call it in a sentence."""
        return (
            f"`{self.name}`" if self.folder is None or self.name == BUNDLED else f"the folder {self.location}"
        )


def find_here(model: str) -> Source | None:
    """Find `pocket` or a model's folder; None for what may be a model on the hub.

    Raises:
        LoadError: It can be neither.
    """
    if model == BUNDLED:
        return Source(_bundled_folder(), BUNDLED)
    folder = Path(os.path.expanduser(model))  # noqa: PTH111  `Path.expanduser` raises where nobody's home is
    if os.path.isdir(folder):  # noqa: PTH112  `Path.is_dir` raises where a name is too long
        refuse_adapters(f"the folder {model}", (file.name for file in folder.iterdir()))
        if not (folder / "config.json").is_file():
            raise LoadError(f"the folder {model} holds no model: it has no config.json")
        return Source(str(folder), folder.resolve().name)
    if os.path.exists(folder):  # noqa: PTH110  the same
        raise LoadError(f"{model} is a file; a folder with config.json, weights and a tokenizer is needed")
    if _looks_like_path(model):
        raise LoadError(
            f"there is no folder {model}; give `pocket`, a model's folder, or a hub id (owner/name)"
        )
    return None


def refuse_adapters(model: str, names: Iterable[str]) -> None:
    """Refuse a folder or repository with an adapter in it, given the names of its files.

    Without its library an adapter is passed over, and with it the model is not the one that the config says.

    Raises:
        LoadError: There is one.
    """
    here = set(names)
    found = next((name for name in ADAPTERS if name in here), None)
    if found is None:
        return
    if here.isdisjoint({"config.json", *WEIGHTS, *(f"{name}.index.json" for name in WEIGHTS)}):
        raise LoadError(
            f"{model} holds an adapter ({found}) and no model: merge it into the model it was made for "
            "(`merge_and_unload` of peft), and serve the result"
        )
    raise LoadError(
        f"{model} holds an adapter ({found}) beside a model: merge it in (`merge_and_unload` of peft), "
        "or take the adapter's files away to serve the model without it"
    )


def _bundled_folder() -> str:
    weights = Path(str(resources.files("llmri_server.pocket"))) / "weights"
    if not (weights / "config.json").is_file():
        raise LoadError(
            "the bundled model `pocket` is not installed; reinstall llmri, or train it: make pocket"
        )
    return str(weights)


def _looks_like_path(model: str) -> bool:
    return model.startswith((".", "~", "/")) or model.count("/") > 1 or "\\" in model
