"""A callback for a `llama_cpp.Llama` that was made without one."""

import ctypes
from dataclasses import dataclass
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


@dataclass(frozen=True)
class _Attached:
    """What is attached to a model: a collector's callback, and the one in whose place it is."""

    callback: object
    before: object


def attach(llama: PlainLlama, callback: object) -> None:
    """Give a model a new context with a callback.

    llama.cpp takes a callback only when a context is made, and `llama_cpp.Llama` makes its own without. The
    weights stay; the conversation so far is forgotten. What was attached before is replaced for good.

    Args:
        llama: The model.
        callback: A `ggml_backend_sched_eval_callback`.

    Raises:
        CaptureError: The model was closed, or llama.cpp makes no such context.
    """
    if llama._ctx.ctx is None:
        raise CaptureError("the model was closed; load it again")
    attached = _attached(llama)
    before = attached.before if attached else _copied(llama.context_params)
    _renew(llama, callback)
    llama._ctx.llmri_attached = _Attached(callback, before)  # llama.cpp keeps no reference to it


def detach(llama: PlainLlama, callback: object) -> None:
    """Give a model a new context with the callback that it had before this one, mostly none.

    Nothing happens where the model was closed, or something else was attached since.

    Raises:
        CaptureError: llama.cpp makes no such context.
    """
    attached = _attached(llama)
    if llama._ctx.ctx is None or attached is None or attached.callback is not callback:
        return
    _renew(llama, attached.before)
    llama._ctx.llmri_attached = None
    llama._ctx.llmri_kept = attached.before  # the parameters keep a pointer, and not what it points to


def _attached(llama: PlainLlama) -> _Attached | None:
    attached: _Attached | None = getattr(llama._ctx, "llmri_attached", None)
    return attached


def _copied(parameters: Any) -> object:  # noqa: ANN401  a structure
    """Return the callback of some parameters as a pointer of its own, which keeps alive what they kept."""
    there = parameters.cb_eval  # lies in the structure, and changes with it
    copied = type(there)(ctypes.cast(there, ctypes.c_void_p).value or 0)
    copied.kept = dict(parameters._objects or {})
    return copied


def _renew(llama: PlainLlama, callback: object) -> None:
    """Give a model a new context with a callback."""
    from llama_cpp import llama_cpp as lib  # noqa: PLC0415  the extra `gguf` brings it

    wrapper = llama._ctx
    parameters = llama.context_params
    parameters.cb_eval = callback
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
