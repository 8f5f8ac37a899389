"""What is timed in a turn, on a model of two layers behind a real server."""

from collections.abc import Iterator

import pytest
import torch
from transformers import LlamaConfig

from benchmarks.capture import OFF, OFF_AGAIN, OURS, RIVALS, Case, contestants_of, measure
from benchmarks.models import random_llama
from benchmarks.report import Gate
from benchmarks.served import served
from benchmarks.viewers import viewers
from llmri_server.torch_runtime import TorchRuntime

LAYERS = 2
ENDS = 2  # one hook where a pass begins and one where it ends


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny() -> TorchRuntime:
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        bos_token_id=None,
        eos_token_id=None,
    )
    return random_llama(config, torch.bfloat16)


def test_only_the_contestants_own_hooks_are_timed() -> None:
    with served(tiny(), "1 2 3", tokens=6) as here, viewers(here.server.address, 1) as watching:
        watching[0].tell("subscribe")
        here.await_plans(1)
        calls = {name: turn().calls for name, turn in contestants_of(here).items()}
    expected = {OURS: LAYERS + ENDS, OFF: ENDS, OFF_AGAIN: ENDS} | dict.fromkeys(RIVALS, LAYERS)
    assert calls == expected


def test_a_case_is_measured_with_its_gates() -> None:
    gates = dict.fromkeys(RIVALS, Gate(1000))
    case = Case("Capture, tiny", tiny, "1 2 3", tokens=4, rounds=1, share=Gate(1), rivals=gates)
    section = measure(case, lambda _title, _steps: lambda: None, rounds=1)
    assert [row.gate for row in section.rows if row.gate] == [Gate(1), *gates.values()]
    assert all(row.spread.median > 0 for row in section.rows)
    assert not section.missed
