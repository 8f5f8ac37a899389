"""A GGUF file looked at before its weights are loaded."""

import os
from functools import partial
from pathlib import Path

from llmri_server.llama_runtime.engine import Engine
from llmri_server.llama_runtime.header import not_loaded
from llmri_server.llama_runtime.kv_memory import check_room
from llmri_server.llama_runtime.model import metadata, refuse_other_kinds
from llmri_server.llama_runtime.options import Options
from llmri_server.runtime import LoadError


def context_for(engine: Engine, path: Path, wish: int) -> int:
    """Return how many tokens a context of the file's model shall hold; `wish` 0 leaves it to the file.

    Raises:
        LoadError: The model is of another kind, llama.cpp cannot load it, or the memory is too small.
    """
    lib = engine.lib
    parameters = lib.llama_model_default_params()
    parameters.vocab_only = True
    pointer = lib.llama_model_load_from_file(os.fsencode(path), parameters)
    if not pointer:
        raise LoadError(not_loaded(path, engine.last_error()))
    try:
        refuse_other_kinds(lib, pointer, path)
        read = partial(metadata, lib, pointer)
        check_room(read, wish)
        trained = int(read(f"{read('general.architecture')}.context_length") or 0)
        return Options(context=wish).context_of(trained)
    finally:
        lib.llama_model_free(pointer)
