"""Runtimes for the tests of llama.cpp: tiny random models, and pocket in float16."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from llmri_server.gguf_export import export_gguf
from llmri_server.llama_runtime import LlamaRuntime, Options, load
from llmri_server.pocket import WEIGHTS
from llmri_server.runtime import CapturePlan, ChatMessage, Sampling
from llmri_server.torch_runtime import TorchRuntime, assemble
from llmri_server.torch_runtime import load as load_torch
from tests.gguf_models import GgufModel, gguf_model
from tests.server.llama_runtime.turns import Generate
from tests.server.torch_runtime.tiny_models import Listener, Turn, user

EXACT = Options(threads=1, flash_attention="off", exact_cache=True)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], GgufModel]:
    """Make a tiny model's file by its family, once."""
    made: dict[str, GgufModel] = {}

    def make(family: str) -> GgufModel:
        if family not in made:
            made[family] = gguf_model(family, tmp_path_factory.mktemp("gguf"))
        return made[family]

    return make


@pytest.fixture
def runtime(tiny: Callable[[str], GgufModel]) -> LlamaRuntime:
    """Return a tiny Llama whose replies end only at a limit."""
    runtime = load(tiny("llama").path, EXACT)
    runtime.vocabulary.ends = frozenset()
    return runtime


@pytest.fixture
def in_torch(tiny: Callable[[str], GgufModel]) -> Callable[[str], TorchRuntime]:
    """Return the same model in PyTorch."""

    def make(family: str) -> TorchRuntime:
        made = tiny(family)
        return assemble(made.model, made.tokenizer, name=f"tiny {family}")

    return make


@pytest.fixture(scope="session")
def pocket_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write pocket in float16."""
    path = tmp_path_factory.mktemp("gguf") / "pocket-f16.gguf"
    export_gguf(WEIGHTS, path, "f16", name="pocket")
    return path


@pytest.fixture(scope="session")
def pocket(pocket_file: Path) -> LlamaRuntime:
    """Return pocket in float16, keys and values in float16 too."""
    return load(pocket_file, Options(threads=1, flash_attention="off"))


@pytest.fixture(scope="session")
def torch_pocket() -> TorchRuntime:
    """Return pocket in PyTorch."""
    return load_torch("pocket", device="cpu")


@pytest.fixture
def generate() -> Generate:
    """Hold one turn: `generate(runtime, "hello", max_new_tokens=3)`, or with a list of messages."""

    def generate(
        runtime: LlamaRuntime | TorchRuntime,
        conversation: str | list[ChatMessage],
        stop: threading.Event | None = None,
        **sampling: float,
    ) -> Turn:
        messages = [user(conversation)] if isinstance(conversation, str) else conversation
        listener = Listener()
        settings = Sampling(**{"max_new_tokens": 6, **sampling})  # type: ignore[arg-type]
        return Turn(runtime.generate(messages, settings, listener, stop or threading.Event()), listener)

    return generate


@pytest.fixture
def everything() -> Callable[[LlamaRuntime | TorchRuntime], CapturePlan]:
    """Return the plan that captures every site of a runtime in every layer."""

    def plan(runtime: LlamaRuntime | TorchRuntime) -> CapturePlan:
        layers = tuple(range(runtime.card.layers))
        return CapturePlan(tuple((site.name, layers) for site in runtime.card.sites))

    return plan
