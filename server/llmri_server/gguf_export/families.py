"""How each Hugging Face architecture is laid out in GGUF."""

from dataclasses import dataclass

from gguf import MODEL_ARCH

from llmri_server.gguf_export.errors import ExportError


@dataclass(frozen=True)
class Layout:
    """What GGUF changes about an architecture.

    Attributes:
        arch: llama.cpp's own name for the graph.
        interleaved: Its rotary embedding turns neighbouring pairs of a head, where Hugging Face turns halves
            (Su et al. 2021 against GPT-NeoX); query and key rows are reordered to match.
        norm_offset: What the model adds to the weight of a norm, and GGUF has added already.
    """

    arch: MODEL_ARCH
    interleaved: bool = False
    norm_offset: float = 0.0


_LLAMA = Layout(MODEL_ARCH.LLAMA, interleaved=True)

LAYOUTS: dict[str, Layout] = {
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "mixtral": _LLAMA,
    "qwen2": Layout(MODEL_ARCH.QWEN2),
    "qwen3": Layout(MODEL_ARCH.QWEN3),
    "phi3": Layout(MODEL_ARCH.PHI3),
    "gemma2": Layout(MODEL_ARCH.GEMMA2, norm_offset=1.0),
    "granite": Layout(MODEL_ARCH.GRANITE, interleaved=True),
}


def layout_of(model_type: str) -> Layout:
    """Return the layout of a `model_type`.

    Raises:
        ExportError: There is none.
    """
    if model_type not in LAYOUTS:
        raise ExportError(f"`{model_type}` is no architecture that can be exported; {', '.join(LAYOUTS)} are")
    return LAYOUTS[model_type]
