"""The bundled model in plain llama.cpp."""

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

from llmri.capture.families import Profile, profile_of
from llmri.capture.plain_llama import POCKET

llama_cpp: Any = importlib.import_module("llama_cpp") if importlib.util.find_spec("llama_cpp") else None
if llama_cpp is None:  # the extra `gguf` brings it
    collect_ignore_glob = ["test_*.py"]


def opened(path: str = str(POCKET), **options: Any) -> Any:
    """Open a file with a plain `Llama`."""
    return llama_cpp.Llama(
        path, **{"verbose": False, "n_ctx": 128, "n_threads": 1, "n_threads_batch": 1, "seed": 1} | options
    )


@pytest.fixture
def llama() -> Iterator[Any]:
    made = opened()
    yield made
    made.close()


@pytest.fixture
def profile() -> Profile:
    return profile_of("llama")
