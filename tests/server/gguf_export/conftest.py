"""Plain llama.cpp, as the judge of what was exported."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmri_server.gguf_export import Precision, export_gguf
from llmri_server.pocket import WEIGHTS

llama_cpp: Any = importlib.import_module("llama_cpp") if importlib.util.find_spec("llama_cpp") else None
if llama_cpp is None:  # the extra `gguf` brings it
    collect_ignore_glob = ["test_*.py"]


def plain_llama(path: Path, **options: Any) -> Any:
    """Open a file with llama.cpp, keys and values in float32."""
    exact = {
        "type_k": llama_cpp.GGML_TYPE_F32,
        "type_v": llama_cpp.GGML_TYPE_F32,
        "n_threads": 1,
        "n_threads_batch": 1,
    }
    return llama_cpp.Llama(str(path), verbose=False, n_ctx=64, logits_all=True, **exact | options)


@pytest.fixture(scope="session")
def pocket(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Precision], Path]:
    """Export `pocket` in a precision, once."""
    folder = tmp_path_factory.mktemp("pocket")

    def make(precision: Precision) -> Path:
        path = folder / f"pocket-{precision}.gguf"
        if not path.exists():
            export_gguf(WEIGHTS, path, precision, name="pocket")
        return path

    return make
