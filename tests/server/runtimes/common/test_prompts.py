"""A turn costs the same however long the conversation is: what was left out stays out."""

import threading
from collections.abc import Sequence

import msgspec
import pytest

from llmri_protocol.messages import Notice
from llmri_server.broadcast.hub import Hub
from llmri_server.broadcast.outbox import Outbox, OutboxLimits
from llmri_server.runtime import (
    ChatMessage,
    LoadError,
    PromptError,
    Sampling,
    Sink,
    StoppedError,
    TokenEvent,
    TurnOutcome,
)
from llmri_server.runtimes.common.prompts import PromptWriter, check_context
from llmri_server.service.model_worker import ModelWorker
from tests.server.fakes import FakeRuntime
from tests.server.torch_runtime.tiny_models import assistant, system, user

CONTEXT, ROOM = 512, 128
PATIENCE = 60


class Words(PromptWriter):
    """Writes a token a word, and remembers how many words each text had that it was given."""

    def __init__(self) -> None:
        super().__init__(None)
        self.written: list[int] = []
        self.before: threading.Event | None = None

    def _tokens(self, text: str, *, add_special: bool) -> list[int]:
        words = text.split()
        self.written.append(len(words))
        if self.before is not None and len(self.written) == 2:
            self.before.set()
        return [len(word) for word in words]

    def _beginning(self) -> int:
        return 0


class Writing(FakeRuntime):
    """Replies with ten words to a prompt that it writes, and keeps how much of it was read before."""

    card = msgspec.structs.replace(FakeRuntime.card, context=CONTEXT)

    def __init__(self) -> None:
        super().__init__()
        self.writer = Words()
        self.given: list[int] = []  # messages of each turn
        self.trims: list[int] = []
        self.prompts: list[list[int]] = []

    def generate(
        self, conversation: Sequence[ChatMessage], sampling: Sampling, sink: Sink, stop: threading.Event
    ) -> TurnOutcome:
        prompt = self.writer.write(conversation, CONTEXT, ROOM, stop)
        self.given.append(len(conversation))
        self.trims.append(prompt.trimmed)
        self.prompts.append(prompt.ids)
        sink.token(TokenEvent(0, "prompt", 1, "?"))
        return TurnOutcome(" word" * 10, 10, "end", prompt.trimmed)


def test_four_hundred_turns_cost_the_same_each() -> None:
    runtime = Writing()
    hub = Hub(runtime.card, runtime.capture, 256, 4)
    outbox = Outbox(OutboxLimits())
    hub.join(outbox)
    session = ModelWorker(runtime, hub, Sampling(), "be brief", 2)
    session.start()
    costs: list[int] = []
    for turn in range(400):
        before = sum(runtime.writer.written)
        session.submit(f" {'so' * (turn % 7 + 1)}" * 6).reply(PATIENCE)
        costs.append(sum(runtime.writer.written) - before)
    assert session.close(PATIENCE)
    most = (CONTEXT - ROOM) // 16  # exchanges of sixteen words that fit
    assert max(runtime.given) <= 2 * most + 3
    assert sum(costs[-100:]) < 2 * sum(costs[:100])
    assert max(costs[-100:]) <= max(costs[:100])
    assert all(len(prompt) <= CONTEXT - ROOM for prompt in runtime.prompts)
    cuts = sum(trim > 0 for trim in runtime.trims)
    assert cuts < 400 / 8  # in all other turns the prompt begins as before, and what is kept of it is used
    told: list[str] = []
    while not told or not told[-1].endswith("turn 400"):
        batch = outbox.take()
        assert batch is not None
        told += [parcel.message for parcel in batch.parcels if isinstance(parcel, Notice)]
    left_out = 2 * 400 - runtime.given[-1] + runtime.trims[-1]  # the system message counts as the new one
    assert told[-1].endswith(f"its {left_out} oldest messages were left out of turn 400")


@pytest.mark.parametrize("turns", [10, 100, 800])
def test_a_long_conversation_is_cut_with_few_texts(turns: int) -> None:
    writer = Words()
    exchange = [user(" a b c d e"), assistant(" f g h i j")]
    said = [system("S"), *exchange * turns, user(" now")]
    prompt = writer.write(said, context=100, room=40)
    assert len(writer.written) <= turns.bit_length() + 3
    kept = (len(said) - 2 - prompt.trimmed) // 2
    assert kept == (31 - 2) // 10  # half of what is neither system nor last message is free
    assert len(prompt.ids) == 2 + 10 * kept


def test_the_latest_exchange_stays_if_it_fits_at_all() -> None:
    said = [user("x " * 30), assistant("y " * 10), user("z " * 25), assistant("w " * 25), user("now")]
    prompt = Words().write(said, context=60, room=5)
    assert (prompt.trimmed, len(prompt.ids)) == (2, 51)
    assert Words().write(said, context=50, room=5).trimmed == 4


def test_a_long_system_message_leaves_headroom_too() -> None:
    exchange = [user(" a b"), assistant(" c d")]
    said = [system("S " * 60), *exchange * 20, user(" now")]
    prompt = Words().write(said, context=110, room=10)
    assert (len(prompt.ids) - 61) // 4 == 4
    assert prompt.trimmed == 32


def test_a_template_that_says_nothing_of_the_past_does_not_keep_it_for_ever() -> None:
    class Forgetful(Words):
        def ids(self, conversation: Sequence[ChatMessage], stop: threading.Event | None = None) -> list[int]:
            return super().ids(conversation[-1:], stop)

    said = [*[user("a"), assistant("b")] * 100, user("c")]
    assert Forgetful().write(said, context=8, room=2).trimmed == len(said) - 15


def test_a_stop_is_heard_between_two_texts() -> None:
    writer, stop = Words(), threading.Event()
    writer.before = stop
    said = [*[user(" a b c"), assistant(" d e f")] * 100, user(" now")]
    with pytest.raises(StoppedError):
        writer.write(said, 100, 40, stop)
    assert len(writer.written) == 2


def test_a_prompt_that_cannot_be_written_ends_its_turn_in_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runtime = Writing()
    session = ModelWorker(runtime, Hub(runtime.card, runtime.capture, 256, 4), Sampling(), None, 2)
    session.start()

    def fail(*_: object) -> None:
        raise PromptError("the chat template failed: no")

    runtime.writer.write = fail  # type: ignore[method-assign,assignment]
    with pytest.raises(RuntimeError, match=r"^turn 1 was ended: the chat template failed: no$"):
        session.submit("a").reply(PATIENCE)
    assert session.close(PATIENCE)
    assert capsys.readouterr().err == ""


def test_a_context_without_room_for_a_conversation_is_refused() -> None:
    check_context(8, "it")
    with pytest.raises(LoadError, match=r"^it has a context of 1 tokens; a conversation needs at least 8$"):
        check_context(1, "it")


def test_a_tokenizer_without_tokens_is_refused() -> None:
    class Mute(Words):
        def _tokens(self, text: str, *, add_special: bool) -> list[int]:
            return []

    with pytest.raises(LoadError, match="the tokenizer makes no tokens of 'Hello'"):
        Mute().check()
    Words().check()
