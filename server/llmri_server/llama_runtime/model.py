"""A loaded GGUF file."""

import ctypes
import os
import weakref
from pathlib import Path
from types import ModuleType
from typing import Any

from llmri_server.llama_runtime.engine import Engine
from llmri_server.llama_runtime.header import not_loaded
from llmri_server.llama_runtime.kv_memory import check_room
from llmri_server.llama_runtime.options import Options
from llmri_server.runtime import LoadError
from llmri_server.runtimes.common.loading import tell
from llmri_server.runtimes.common.templates import DEFAULT

FIRST_VALUE = 1 << 16  # bytes of one piece of metadata: few are longer
LONGEST_KEY = 1 << 16  # bytes, as in the format
CHAT_TEMPLATE = "tokenizer.chat_template"
NO_VOCABULARY = 0  # of `llama_vocab_type`


class Model:
    """The weights and what the file says about them.

    Raises:
        LoadError: llama.cpp cannot load the file; the message is one sentence.
    """

    def __init__(self, engine: Engine, path: Path, options: Options) -> None:
        self.engine = engine
        self.options = options
        lib = engine.lib
        if options.needs_gpu and not lib.llama_supports_gpu_offload():
            raise LoadError(
                "a GPU was asked for, but this llama-cpp-python was built without one; install one that was "
                "built for it, or try --device cpu"
            )
        parameters = lib.llama_model_default_params()
        parameters.n_gpu_layers = options.gpu_layers
        parameters.check_tensors = True  # values that are no numbers are found here, with their tensor's name
        progress = lib.llama_progress_callback(_progress)
        parameters.progress_callback = progress
        engine.errors.clear()
        self.pointer: Any = lib.llama_model_load_from_file(os.fsencode(path), parameters)
        if not self.pointer:
            raise LoadError(not_loaded(path, engine.last_error()))
        weakref.finalize(self, lib.llama_model_free, self.pointer)
        self.vocabulary: Any = lib.llama_model_get_vocab(self.pointer)
        refuse_other_kinds(lib, self.pointer, path)
        check_room(self.metadata, options.context)
        self.size: int = lib.llama_model_size(self.pointer)  # bytes of weights
        self.layers: int = lib.llama_model_n_layer(self.pointer)
        self.width: int = lib.llama_model_n_embd(self.pointer)
        self.heads: int = lib.llama_model_n_head(self.pointer)
        self.trained_context: int = lib.llama_model_n_ctx_train(self.pointer)
        self.tokens: int = lib.llama_vocab_n_tokens(self.vocabulary)

    @property
    def architecture(self) -> str:
        """The file's `general.architecture`."""
        return self.metadata("general.architecture") or ""

    @property
    def name(self) -> str:
        """The file's `general.name`, empty where it has none."""
        return self.metadata("general.name") or ""

    @property
    def chat_templates(self) -> dict[str, str]:
        """The file's chat templates in Jinja by their names; the one without a name is `default`."""
        keys = metadata_keys(self.engine.lib, self.pointer)
        names = {key: key.removeprefix(CHAT_TEMPLATE).lstrip(".") or DEFAULT for key in keys}
        return {
            name: self.metadata(key) or ""
            for key, name in names.items()
            if key == CHAT_TEMPLATE or key.startswith(f"{CHAT_TEMPLATE}.")
        }

    def metadata(self, key: str) -> str | None:
        """Return a value of the file's metadata as text, or None without it."""
        return metadata(self.engine.lib, self.pointer, key)


def _progress(share: float, _data: object) -> bool:
    """Tell what share of the weights is read; llama.cpp goes on where that gives true."""
    tell("weights", share)
    return True


def metadata(lib: ModuleType, pointer: object, key: str) -> str | None:
    """Return a value of a loaded file's metadata as text, or None without it."""
    room, length = FIRST_VALUE, 0
    while length >= 0:
        buffer = ctypes.create_string_buffer(room)
        length = lib.llama_model_meta_val_str(pointer, key.encode(), buffer, room)
        if 0 <= length < room:
            return buffer.value.decode(errors="replace")
        room = length + 1
    return None


def metadata_keys(lib: ModuleType, pointer: object) -> list[str]:
    """Return the keys of a loaded file's metadata, but for those of lists."""
    buffer = ctypes.create_string_buffer(LONGEST_KEY)
    keys: list[str] = []
    for number in range(lib.llama_model_meta_count(pointer)):
        lib.llama_model_meta_key_by_index(pointer, number, buffer, ctypes.sizeof(buffer))
        keys.append(buffer.value.decode(errors="replace"))
    return keys


def refuse_other_kinds(lib: ModuleType, pointer: object, path: Path) -> None:
    """Refuse a loaded file that does not write text from left to right.

    Raises:
        LoadError: It does not, or has no tokenizer.
    """
    decodes = lib.llama_model_has_decoder(pointer) and not lib.llama_model_has_encoder(pointer)
    if not decodes or lib.llama_model_is_diffusion(pointer):
        architecture = metadata(lib, pointer, "general.architecture")
        raise LoadError(
            f"{path} does not generate text from left to right ({architecture}); "
            "LLMRI needs a decoder-only model, such as a Llama"
        )
    if lib.llama_vocab_type(lib.llama_model_get_vocab(pointer)) == NO_VOCABULARY:
        raise LoadError(f"{path} has no tokenizer; convert the model again, with its vocabulary")
