"""A context that is full ends the turn, and every viewer is told why."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from llmri_protocol.messages import Notice, Token, TurnEnd, TurnStart
from llmri_server.broadcast.hub import Hub
from llmri_server.broadcast.outbox import Outbox, OutboxLimits
from llmri_server.llama_runtime import Options, load
from llmri_server.runtime import Runtime, Sampling
from llmri_server.service.model_worker import ModelWorker
from llmri_server.torch_runtime import assemble
from tests.conformance.conftest import Tokenizer
from tests.gguf_models import gguf_model
from tests.server.torch_runtime.tiny_models import tiny_model

CONTEXT = 40
PATIENCE = 60


def in_torch(tokenizer: Tokenizer, _folder: Path) -> Runtime:
    model = tiny_model("llama", torch.float32, max_position_embeddings=CONTEXT)
    runtime = assemble(model, tokenizer, name="tiny")
    runtime.model.generation_config.eos_token_id = None
    return runtime


def in_llama_cpp(_tokenizer: Tokenizer, folder: Path) -> Runtime:
    runtime = load(gguf_model("llama", folder).path, Options(threads=1, context=CONTEXT))
    runtime.vocabulary.ends = frozenset()
    return runtime


def told(outbox: Outbox) -> list[object]:
    """Return what a viewer was told of three turns, without their tokens."""
    parcels: list[object] = []
    while sum(isinstance(parcel, TurnEnd) for parcel in parcels) < 3:
        batch = outbox.take()
        assert batch is not None
        parcels += [parcel for parcel in batch.parcels if not isinstance(parcel, Token)]
    return parcels


@pytest.mark.parametrize("make", [in_torch, in_llama_cpp])
def test_a_full_context_ends_the_turn_with_a_notice_and_the_next_one_works(
    make: Callable[[Tokenizer, Path], Runtime], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    runtime = make(tokenizer, tmp_path)
    assert runtime.card.context == CONTEXT
    hub = Hub(runtime.card, runtime.capture, 256, 4)
    outboxes = [Outbox(OutboxLimits()) for _ in range(2)]
    for outbox in outboxes:
        hub.join(outbox)
    session = ModelWorker(runtime, hub, Sampling(max_new_tokens=100), None, 8)
    session.start()
    said = session.submit("the cat").reply(PATIENCE)
    session.submit("Zwölf Boxkämpfer jagen Viktor quer. " * 4).reply(PATIENCE)
    session.submit("the dog").reply(PATIENCE)
    assert session.close(PATIENCE)
    assert said
    for outbox in outboxes:
        kinds = told(outbox)
        assert [type(parcel) for parcel in kinds] == [
            *(TurnStart, Notice, TurnEnd),
            *(TurnStart, Notice, Notice, TurnEnd),
            *(TurnStart, Notice, Notice, TurnEnd),
        ]
        notices = [parcel.message for parcel in kinds if isinstance(parcel, Notice)]
        assert notices[0].startswith("turn 1 ended because the context of 40 tokens is full")
        assert "2 oldest messages were left out of turn 2" in notices[1]
        assert notices[2].startswith("turn 2 has no reply: its prompt leaves no room in the context of 40")
        assert "2 oldest messages were left out of turn 3" in notices[3]
        ends = [parcel for parcel in kinds if isinstance(parcel, TurnEnd)]
        assert [end.reason for end in ends] == ["context"] * 3
        assert (ends[0].text, ends[1].text) == (said, "")
        assert ends[2].tokens > 1
