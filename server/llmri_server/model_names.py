"""What a model's name means on this machine; known in a moment, before any library is loaded."""

import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from llmri_protocol.bundled import BUNDLED
from llmri_server.runtime import LoadError


@dataclass(frozen=True)
class Source:
    """A folder or hub id, the name to show, and whether the hub shall be left alone."""

    location: str
    name: str
    local_only: bool = True


def find_here(model: str) -> Source | None:
    """Find `pocket` or a model's folder; None for what may be a model on the hub.

    Raises:
        LoadError: It can be neither.
    """
    if model == BUNDLED:
        return Source(_bundled_folder(), BUNDLED)
    folder = Path(os.path.expanduser(model))  # noqa: PTH111  `Path.expanduser` raises where nobody's home is
    if os.path.isdir(folder):  # noqa: PTH112  `Path.is_dir` raises where a name is too long
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


def _bundled_folder() -> str:
    weights = Path(str(resources.files("llmri_server.pocket"))) / "weights"
    if not (weights / "config.json").is_file():
        raise LoadError(
            "the bundled model `pocket` is not installed; reinstall llmri, or train it: make pocket"
        )
    return str(weights)


def _looks_like_path(model: str) -> bool:
    return model.startswith((".", "~", "/")) or model.count("/") > 1 or "\\" in model
