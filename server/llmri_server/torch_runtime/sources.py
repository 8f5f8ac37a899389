"""From what the user typed to what the library shall load: a folder, or a model on the hub."""

import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from huggingface_hub import model_info, try_to_load_from_cache

from llmri_server.runtime import LoadError
from llmri_server.torch_runtime.explanations import explain, is_offline

BUNDLED = "pocket"
HUB_PATIENCE = 10  # seconds
SUFFIXES = (".safetensors", ".bin", ".json", ".model", ".txt")  # of weights, configurations and tokenizers


@dataclass(frozen=True)
class Source:
    """A folder or hub id, the name to show, and whether the hub shall be left alone."""

    location: str
    name: str
    local_only: bool = True


def find_source(model: str) -> Source:
    """Find `pocket`, a local folder, or a model on the hub.

    The hub is asked once and briefly, because the library would try for half a minute; where it does not
    answer, what was downloaded before is used.

    Raises:
        LoadError: There is no such model, or no way to it.
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
    return _on_hub(model)


def files_of(model: str) -> tuple[Path, ...]:
    """Give the files that a loaded model came from; none where they are not known."""
    own = Path(os.path.expanduser(model))  # noqa: PTH111
    if model == BUNDLED:
        folder = Path(_bundled_folder())
    elif os.path.isdir(own):  # noqa: PTH112
        folder = own
    else:
        config = try_to_load_from_cache(model, "config.json")
        if not isinstance(config, str):
            return ()
        folder = Path(config).parent
    return tuple(sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file()))


def _bundled_folder() -> str:
    weights = Path(str(resources.files("llmri_server.pocket"))) / "weights"
    if not (weights / "config.json").is_file():
        raise LoadError(
            "the bundled model `pocket` is not installed; reinstall llmri, or train it: make pocket"
        )
    return str(weights)


def _on_hub(model: str) -> Source:
    try:
        downloaded = isinstance(try_to_load_from_cache(model, "config.json"), str)
        model_info(model, timeout=HUB_PATIENCE)
    except Exception as error:
        if is_offline(error) and downloaded:
            return Source(model, model)
        raise LoadError(explain(model, error)) from error
    return Source(model, model, local_only=False)


def _looks_like_path(model: str) -> bool:
    return model.startswith((".", "~", "/")) or model.count("/") > 1 or "\\" in model
