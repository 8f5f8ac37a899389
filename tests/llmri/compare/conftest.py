"""`pocket` in PyTorch and as GGUF."""

import importlib.util
from collections.abc import Iterator

import pytest
import torch

from llmri.compare.opening import open_model, open_others
from llmri_server.runtime import Runtime

if importlib.util.find_spec("llama_cpp") is None:  # the extra `gguf` brings it
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def reference() -> Runtime:
    return open_model("pocket")


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Runtime]:
    """Return `pocket` as F16, Q8_0 and Q4."""
    return open_others("pocket", [], tmp_path_factory.mktemp("exported"))
