"""The bundled model, loaded once."""

from collections.abc import Iterator

import pytest
import torch

from llmri_server.torch_runtime import TorchRuntime, load


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def pocket() -> TorchRuntime:
    return load("pocket", device="cpu", dtype="float32")
