"""The formats a file may have. One more is one module and one line here, or an entry point elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

from llmri_weights.errors import WeightsError
from llmri_weights.files import gguf_file, safetensors_file, torch_file
from llmri_weights.files.byte_source import ByteSource
from llmri_weights.files.stored import Contents

ENTRY_POINTS = "llmri.weights.formats"
LFS = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        name: What a person calls it.
        suffixes: What names of such files end in.
        looks_like: Returns whether a file begins as one.
        read: Returns what a file holds, from its header.
    """

    name: str
    suffixes: tuple[str, ...]
    looks_like: Callable[[ByteSource], bool]
    read: Callable[[ByteSource], Contents]


OURS = (
    Format("safetensors", (".safetensors",), safetensors_file.looks_like, safetensors_file.read_safetensors),
    Format("GGUF", (".gguf",), gguf_file.looks_like, gguf_file.read_gguf),
    Format(
        "PyTorch",
        (".bin", ".pt", ".pth", ".ckpt", ".tar", ".jit"),
        torch_file.looks_like,
        torch_file.read_torch,
    ),
)


@cache
def formats() -> tuple[Format, ...]:
    """Return all formats, those of other packages last."""
    return (*OURS, *(point.load() for point in entry_points(group=ENTRY_POINTS)))


def read_header(source: ByteSource) -> Contents:
    """Return what a file holds, by what it begins with, else by how its name ends.

    Raises:
        WeightsError: It is of no format that is known, or damaged.
    """
    if not source.size:
        raise WeightsError(f"{source.name} is empty")
    found = next((kind for kind in formats() if kind.looks_like(source)), None)
    if found is None and source.read(0, min(len(LFS), source.size)).tobytes() == LFS:
        raise WeightsError(f"{source.name} is a pointer of Git LFS; `git lfs pull` fetches the file")
    found = found or format_by_name(source.name)
    if found is None:
        names = ", ".join(kind.name for kind in formats())
        raise WeightsError(f"{source.name} begins as no checkpoint does; {names} can be read")
    return found.read(source)


def format_by_name(name: str) -> Format | None:
    """Return the format that such a name promises, or None."""
    return next((kind for kind in formats() if name.lower().endswith(kind.suffixes)), None)
