"""From a path, as a user gives it, to a model that llama.cpp has loaded."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from llmri.capture.errors import CaptureError
from llmri_server.llama_runtime.face import Options, check_file, context_for, engine, not_loaded
from llmri_server.pocket import WEIGHTS
from llmri_server.runtime import LoadError
from llmri_server.runtimes.registry import home_expanded

POCKET = WEIGHTS.parent / "pocket-q8_0.gguf"
ADDRESS = "file://"


@dataclass(frozen=True)
class Opening:
    """How llama.cpp shall run the file; 0 leaves the choice to the file and the machine."""

    context: int = 0
    threads: int = 0
    gpu_layers: int = 0
    seed: int = 0


def dropped_path(text: str) -> Path:
    """Return the path of what was typed, pasted or dragged into a terminal.

    Terminals quote a dragged file, put a backslash before its spaces, or make it a `file://` address.
    """
    text = text.strip()
    if text == "pocket":
        return POCKET
    if not text.startswith(ADDRESS) and not os.path.exists(text):  # noqa: PTH110  `Path.exists` may raise
        text = _unquoted(text)
    if text.startswith(ADDRESS):
        return Path(unquote(urlparse(text).path))
    return home_expanded(text)


def _unquoted(text: str) -> str:
    if os.name == "nt":
        return text.strip("\"'")
    try:
        return " ".join(shlex.split(text))
    except ValueError:  # a quote that does not end is a part of the name
        return text


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
        length = context_for(ready, path, opening.context)
        threads = Options(threads=opening.threads).threads_for(path.stat().st_size)
        llama = Llama(
            str(path),
            n_ctx=length,
            n_threads=threads,
            n_threads_batch=threads,
            n_gpu_layers=opening.gpu_layers,
            seed=opening.seed,
            verbose=False,
        )
    except LoadError as error:
        raise CaptureError(str(error)) from None
    except (ValueError, RuntimeError):
        raise CaptureError(not_loaded(path, ready.last_error())) from None
    llama._n_ctx = length  # llama.cpp rounds up, and `Llama` has room for no more tokens than this
    return llama
