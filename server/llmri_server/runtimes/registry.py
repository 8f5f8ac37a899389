"""Which runtime serves a model: the only place that knows of several.

Their libraries are imported when they are needed: they take seconds, and may be missing.
"""

import glob
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from llmri_server.llama_runtime.header import is_gguf
from llmri_server.runtime import LoadError, Runtime
from llmri_server.runtimes.common.loading import tell
from llmri_server.runtimes.common.model_names import find_here
from llmri_server.settings import Settings

PART = re.compile(r"(.+)-\d{5}-of-(\d{5})\.gguf")  # of a split file


@dataclass(frozen=True)
class Kind:
    """A kind of runtime.

    Attributes:
        claims: Whether it is for a model.
        load: Loads a model as it was set.
        load_exactly: Loads a model on the processor, with as little rounding as there can be.
        files: Gives what a model is loaded from, as far as it is known.
    """

    claims: Callable[[str], bool]
    load: Callable[[Settings], Runtime]
    load_exactly: Callable[[str], Runtime]
    files: Callable[[str], Sequence[Path]]


def load_runtime(settings: Settings) -> Runtime:
    """Load the model by the first runtime that claims it.

    Raises:
        LoadError: It can't be served.
    """
    return _kind_of(settings.model).load(settings)


def load_exactly(model: str) -> Runtime:
    """Load a model to compare its values: on the processor, with as little rounding as there can be.

    Raises:
        LoadError: It can't be loaded.
    """
    return _kind_of(model).load_exactly(model)


def model_files(model: str) -> Sequence[Path]:
    """Return the files that a model is loaded from; none where they are not known."""
    return _kind_of(model).files(model)


def find_gguf(model: str) -> Path:
    """Return the path of a GGUF file; a bundled one is found by its bare name."""
    path = home_expanded(model)
    folder = Path(str(resources.files("llmri_server.pocket")))
    bundled = {each.name: each for each in folder.glob("*.gguf")}
    return bundled[model] if model in bundled and not path.exists() else path


def home_expanded(path: str) -> Path:
    """Return a path whose `~` means the home folder; one of nobody's home stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  `Path.expanduser` raises there


def _kind_of(model: str) -> Kind:
    return next(kind for kind in KINDS if kind.claims(model))


def _load_gguf(settings: Settings) -> Runtime:
    tell("llama.cpp")
    from llmri_server.llama_runtime import Options, load  # noqa: PLC0415

    if settings.dtype != "auto":
        raise LoadError(
            f"a GGUF file has its own types: {settings.model} cannot be loaded as {settings.dtype}"
        )
    options = Options(
        gpu_layers=0 if settings.device == "cpu" else settings.gpu_layers,
        needs_gpu=settings.device not in ("auto", "cpu"),
        threads=settings.threads,
        context=settings.context,
        flash_attention=settings.flash_attention,
    )
    return load(find_gguf(settings.model), options)


def _load_gguf_exactly(model: str) -> Runtime:
    from llmri_server.llama_runtime import Options, load  # noqa: PLC0415

    return load(find_gguf(model), Options(gpu_layers=0, exact_cache=True, flash_attention="off"))


def _load_torch(settings: Settings) -> Runtime:
    find_here(settings.model)  # torch takes seconds to import, a wrong name needs none
    tell("PyTorch")
    import torch  # noqa: PLC0415

    from llmri_server.torch_runtime import load  # noqa: PLC0415

    if settings.threads:
        torch.set_num_threads(settings.threads)
    return load(settings.model, device=settings.device, dtype=settings.dtype)


def _load_torch_exactly(model: str) -> Runtime:
    find_here(model)
    from llmri_server.torch_runtime import load  # noqa: PLC0415

    return load(model, device="cpu", dtype="float32")


def _gguf_files(model: str) -> Sequence[Path]:
    """Return the file, or all parts of one that is split."""
    path = find_gguf(model)
    split = PART.fullmatch(path.name)
    return sorted(path.parent.glob(f"{glob.escape(split[1])}-*-of-{split[2]}.gguf")) if split else (path,)


def _torch_files(model: str) -> Sequence[Path]:
    from llmri_server.torch_runtime.sources import files_of  # noqa: PLC0415

    return files_of(model)


KINDS = (
    Kind(lambda model: is_gguf(home_expanded(model)), _load_gguf, _load_gguf_exactly, _gguf_files),
    Kind(lambda _model: True, _load_torch, _load_torch_exactly, _torch_files),
)
