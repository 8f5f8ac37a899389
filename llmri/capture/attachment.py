"""A callback for a `llama_cpp.Llama` that was made without one."""

import ctypes
from types import ModuleType
from typing import Any, Protocol

from llmri.capture.errors import CaptureError


class PlainLlama(Protocol):
    """What is touched of a `llama_cpp.Llama`."""

    model_path: str
    metadata: dict[str, str]
    context_params: Any
    _ctx: Any

    @property
    def model(self) -> Any: ...  # noqa: ANN401, D102  a pointer

    @property
    def ctx(self) -> Any: ...  # noqa: ANN401, D102  a pointer

    def reset(self) -> None: ...  # noqa: D102


def give_callback(llama: PlainLlama, callback: object) -> None:
    """Give a model a new context with a callback, or with None in its place.

    llama.cpp takes a callback only when a context is made, and `llama_cpp.Llama` makes its own without. The
    weights stay; the conversation so far is forgotten.

    Args:
        llama: The model.
        callback: A `ggml_backend_sched_eval_callback`, which the caller keeps alive.

    Raises:
        CaptureError: llama.cpp makes no such context.
    """
    from llama_cpp import llama_cpp as lib  # noqa: PLC0415  the extra `gguf` brings it

    wrapper = llama._ctx
    parameters = llama.context_params
    parameters.cb_eval = callback or lib.ggml_backend_sched_eval_callback()
    fresh = lib.llama_init_from_model(wrapper.model.model, parameters)
    if not fresh:
        raise CaptureError("llama.cpp makes no second context for this model; is there too little memory?")
    lib.llama_free(wrapper.ctx)
    wrapper.ctx, wrapper.memory = fresh, lib.llama_get_memory(fresh)
    llama.reset()
    _adapt_again(lib, llama)


def forget(llama: PlainLlama) -> None:
    """Forget the conversation, the kept keys and values too: attention scores would show them."""
    llama.reset()
    llama._ctx.kv_cache_clear()


def _adapt_again(lib: ModuleType, llama: PlainLlama) -> None:
    """Set the model's adapter in the new context too, where it has one."""
    adapter = getattr(llama, "_lora_adapter", None)
    if adapter is None:
        return
    adapters = (lib.llama_adapter_lora_p_ctypes * 1)(adapter)
    scales = (ctypes.c_float * 1)(getattr(llama, "lora_scale", 1.0))
    if lib.llama_set_adapters_lora(llama.ctx, adapters, 1, scales):
        raise CaptureError("llama.cpp does not take the model's adapter again")
