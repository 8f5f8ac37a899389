"""The models that are compared."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from llmri.compare.errors import CompareError
from llmri_server.gguf_export import ExportError, Precision, export_gguf
from llmri_server.pocket import WEIGHTS
from llmri_server.runtime import LoadError, Runtime
from llmri_server.runtimes.registry import load_exactly

EXPORTED: Mapping[str, Precision] = {"F16": "f16", "Q8_0": "q8_0", "Q4": "q4"}


def open_model(name: str) -> Runtime:
    """Load a model so that only its weights round: a GGUF file in llama.cpp, anything else in PyTorch.

    Raises:
        CompareError: It cannot be loaded.
    """
    try:
        return load_exactly(name)
    except LoadError as error:
        raise CompareError(str(error)) from None


def open_others(reference: str, files: Sequence[str], folder: Path) -> dict[str, Runtime]:
    """Load the files, or, where there are none, the reference itself, written as GGUF into `folder`.

    Raises:
        CompareError: One cannot be loaded or written.
    """
    if files:
        return {Path(file).stem: open_model(file) for file in files}
    return {
        name: open_model(str(_exported(reference, folder, precision))) for name, precision in EXPORTED.items()
    }


def _exported(reference: str, folder: Path, precision: Precision) -> Path:
    source = WEIGHTS if reference == "pocket" else Path(reference)
    if not source.is_dir():
        raise CompareError(f"{reference} is no folder that can be written as GGUF; name files to compare")
    path = folder / f"{precision}.gguf"
    try:
        export_gguf(source, path, precision, name=reference if source == WEIGHTS else "exported")
    except ExportError as error:
        raise CompareError(f"{reference} cannot be written as GGUF: {error}") from None
    return path
