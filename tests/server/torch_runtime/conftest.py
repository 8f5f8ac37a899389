"""Fixtures for the tests of the torch runtime."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from llmri_server.runtime import CapturePlan, ChatMessage, Sampling, Sink
from llmri_server.torch_runtime import TorchRuntime, assemble
from tests.server.torch_runtime.tiny_models import (
    Listener,
    MakeRuntime,
    Say,
    Turn,
    byte_tokenizer,
    tiny_model,
    user,
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    return byte_tokenizer()


@pytest.fixture
def make_runtime(tokenizer: PreTrainedTokenizerFast) -> MakeRuntime:
    """Make a runtime of a tiny random model: `make_runtime("opt", torch.bfloat16, ffn_dim=64)`."""

    def make(kind: str = "llama", dtype: torch.dtype = torch.float32, **changes: object) -> TorchRuntime:
        return assemble(tiny_model(kind, dtype, **changes), tokenizer, name=f"tiny {kind}")

    return make


@pytest.fixture
def endless(make_runtime: MakeRuntime) -> TorchRuntime:
    """Return a runtime whose replies end only at a limit."""
    runtime = make_runtime("llama")
    runtime.model.generation_config.eos_token_id = None
    return runtime


@pytest.fixture
def say() -> Say:
    """Hold one turn: `say(runtime, "hello", max_new_tokens=3)`, or with a list of messages."""

    def say(
        runtime: TorchRuntime,
        conversation: str | list[ChatMessage],
        stop: threading.Event | None = None,
        sink: Sink | None = None,
        **sampling: Any,
    ) -> Turn:
        messages = [user(conversation)] if isinstance(conversation, str) else conversation
        listener = Listener()
        settings = Sampling(**{"max_new_tokens": 6, **sampling})
        outcome = runtime.generate(messages, settings, sink or listener, stop or threading.Event())
        return Turn(outcome, sink if isinstance(sink, Listener) else listener)

    return say


@pytest.fixture
def everything() -> Callable[[TorchRuntime], CapturePlan]:
    """Return the plan that captures every site of a runtime in every layer."""

    def plan(runtime: TorchRuntime) -> CapturePlan:
        layers = tuple(range(runtime.card.layers))
        return CapturePlan(tuple((site.name, layers) for site in runtime.card.sites))

    return plan
