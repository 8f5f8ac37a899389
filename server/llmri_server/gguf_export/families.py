"""How each Hugging Face architecture is laid out in GGUF."""

from dataclasses import dataclass

from gguf import MODEL_ARCH, MODEL_ARCH_NAMES

from llmri_server.gguf_export.errors import ExportError
from llmri_weights.arrangement import Arrangement, arrangement_of


@dataclass(frozen=True)
class Layout:
    """How an architecture is laid out in GGUF.

    Attributes:
        arch: llama.cpp's own name for the graph.
    """

    arch: MODEL_ARCH

    @property
    def arrangement(self) -> Arrangement:
        """Return what GGUF changes about its numbers."""
        return arrangement_of(MODEL_ARCH_NAMES[self.arch])


LAYOUTS: dict[str, Layout] = {
    "llama": Layout(MODEL_ARCH.LLAMA),
    "mistral": Layout(MODEL_ARCH.LLAMA),
    "mixtral": Layout(MODEL_ARCH.LLAMA),
    "qwen2": Layout(MODEL_ARCH.QWEN2),
    "qwen3": Layout(MODEL_ARCH.QWEN3),
    "phi3": Layout(MODEL_ARCH.PHI3),
    "gemma2": Layout(MODEL_ARCH.GEMMA2),
    "granite": Layout(MODEL_ARCH.GRANITE),
}


def layout_of(model_type: str) -> Layout:
    """Return the layout of a `model_type`.

    Raises:
        ExportError: There is none.
    """
    if model_type not in LAYOUTS:
        raise ExportError(f"`{model_type}` is no architecture that can be exported; {', '.join(LAYOUTS)} are")
    return LAYOUTS[model_type]
