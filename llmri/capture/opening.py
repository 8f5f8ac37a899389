"""From a path, as a user gives it, to a model that llama.cpp has loaded."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlparse

from llmri.capture.errors import CaptureError
from llmri_server.llama_runtime.engine import engine
from llmri_server.llama_runtime.header import check_file
from llmri_server.llama_runtime.model import metadata, refuse_other_kinds
from llmri_server.llama_runtime.options import LONGEST_CONTEXT
from llmri_server.pocket import WEIGHTS
from llmri_server.runtime import LoadError

POCKET = WEIGHTS.parent / "pocket-q8_0.gguf"


@dataclass(frozen=True)
class Opening:
    """How llama.cpp shall run the file; 0 leaves a choice to the file or to llama.cpp."""

    context: int = 0
    threads: int = 0
    gpu_layers: int = 0
    seed: int = 0


def dropped_path(text: str) -> Path:
    """Give the path of what was typed, pasted or dragged into a terminal.

    Terminals quote a dragged file, put a backslash before its spaces, or make it a `file://` address.
    """
    text = text.strip()
    if text.startswith("file://"):
        return Path(unquote(urlparse(text).path))
    if text == "pocket":
        return POCKET
    if Path(text).exists() or os.name == "nt":
        return Path(text.strip("\"'")).expanduser()
    try:
        return Path(" ".join(shlex.split(text))).expanduser()
    except ValueError:  # a quote that does not end is a part of the name
        return Path(text).expanduser()


def open_model(path: Path, opening: Opening) -> Any:  # noqa: ANN401  an extra's type
    """Load a file with `llama_cpp.Llama`.

    Raises:
        CaptureError: It is not there, no GGUF file of a model that writes, or llama.cpp cannot load it.
    """
    try:
        check_file(path)
        ready = engine()
    except LoadError as error:
        raise CaptureError(str(error)) from None
    from llama_cpp import Llama  # noqa: PLC0415  the extra `gguf` brings it

    ready.errors.clear()
    try:
        trained = _trained_context(ready.lib, path)
        length = opening.context or min(trained, LONGEST_CONTEXT)
        llama = Llama(
            str(path),
            n_ctx=length,
            n_threads=opening.threads or None,
            n_gpu_layers=opening.gpu_layers,
            seed=opening.seed,
            verbose=False,
        )
    except LoadError as error:
        raise CaptureError(str(error)) from None
    except (ValueError, RuntimeError):
        raise CaptureError(f"llama.cpp cannot load {path}: {ready.last_error()}") from None
    llama._n_ctx = length  # llama.cpp rounds up, and `Llama` has room for no more tokens than this
    return llama


def _trained_context(lib: ModuleType, path: Path) -> int:
    """Give the longest sequence that the model was trained on, without loading its weights.

    Raises:
        LoadError: The model is of another kind.
        ValueError: llama.cpp cannot load it.
    """
    parameters = lib.llama_model_default_params()
    parameters.vocab_only = True
    pointer = lib.llama_model_load_from_file(str(path).encode(), parameters)
    if not pointer:
        raise ValueError(path)
    try:
        refuse_other_kinds(lib, pointer, path)
        architecture = metadata(lib, pointer, "general.architecture")
        return int(metadata(lib, pointer, f"{architecture}.context_length") or LONGEST_CONTEXT)
    finally:
        lib.llama_model_free(pointer)
