import threading
from collections.abc import Iterator
from typing import Any

import pytest

from llmri_protocol.messages import Notice, Token, TurnEnd, TurnStart
from llmri_server.broadcast.hub import Hub, Subscription
from llmri_server.broadcast.outbox import Outbox, OutboxLimits
from llmri_server.broadcast.shared_scans import SharedScan
from llmri_server.runtime import Sampling, TurnOutcome
from llmri_server.service.model_worker import ClosedError, ModelWorker, TooManyTurnsError
from tests.server.fakes import Eventually, FakeRuntime

PATIENCE = 60


def void(_: object) -> None:
    """Give nothing, where a lambda must."""


@pytest.fixture
def hub(runtime: FakeRuntime) -> Hub:
    return Hub(runtime.card, runtime.capture, 256, 4)


@pytest.fixture
def outbox(hub: Hub) -> Outbox:
    outbox = Outbox(OutboxLimits())
    member = hub.join(outbox)
    assert member
    hub.subscribe(member, Subscription(frozenset({"resid_post"}), (0, 1, 2)))
    return outbox


@pytest.fixture
def session(runtime: FakeRuntime, hub: Hub) -> Iterator[ModelWorker]:
    session = ModelWorker(runtime, hub, Sampling(), "be brief", 2)
    session.start()
    yield session
    assert session.close(PATIENCE)


def taken(outbox: Outbox) -> list[Any]:
    batch = outbox.take()
    assert batch is not None
    return batch.parcels


def test_a_turn_is_announced_in_order(session: ModelWorker, outbox: Outbox) -> None:
    assert session.submit("hello").reply(PATIENCE) == "one two three"
    parcels = taken(outbox)
    kinds = [type(parcel) for parcel in parcels]
    assert kinds == [TurnStart, *[Token, SharedScan] * 4, Token, TurnEnd]
    assert [parcel.token for parcel in parcels if isinstance(parcel, Token)] == [0, 1, 2, 3, 4]
    assert {parcel.turn for parcel in parcels} == {1}
    assert parcels[0].new
    assert (parcels[-1].reason, parcels[-1].text, parcels[-1].tokens) == ("end", "one two three", 4)


def test_the_conversation_grows_until_it_is_forgotten(session: ModelWorker, runtime: FakeRuntime) -> None:
    for text, new in (("a", False), ("b", False), ("c", True)):
        session.submit(text, new=new).reply(PATIENCE)
    said = [[message["content"] for message in conversation] for conversation in runtime.conversations]
    assert said == [
        ["be brief", "a"],
        ["be brief", "a", "one two three", "b"],
        ["be brief", "c"],
    ]


def test_a_failing_engine_ends_its_turn_and_nothing_else(
    session: ModelWorker, runtime: FakeRuntime, outbox: Outbox
) -> None:
    def fail(number: int) -> None:
        raise RuntimeError("out of memory")

    runtime.before_token = fail
    turn = session.submit("a")
    with pytest.raises(RuntimeError, match="out of memory"):
        turn.reply(PATIENCE)
    runtime.before_token = lambda number: None
    assert session.submit("b").reply(PATIENCE) == "one two three"
    assert [message["content"] for message in runtime.conversations[-1]] == ["be brief", "b"]
    parcels = taken(outbox)
    ends = [parcel for parcel in parcels if isinstance(parcel, TurnEnd)]
    assert [end.reason for end in ends] == ["error", "end"]
    assert any("out of memory" in parcel.message for parcel in parcels if isinstance(parcel, Notice))


def test_stop_ends_the_running_turn_and_keeps_what_was_said(
    session: ModelWorker, runtime: FakeRuntime
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def wait(number: int) -> None:
        if number == 2:
            reached.set()
            go_on.wait(PATIENCE)

    runtime.before_token = wait
    turn, following = session.submit("a"), session.submit("b")
    reached.wait(PATIENCE)
    session.stop()
    go_on.set()
    assert turn.reply(PATIENCE) == "one "
    assert turn.outcome
    assert turn.outcome.reason == "stopped"
    assert following.reply(PATIENCE) == "one two three"
    assert [m["content"] for m in runtime.conversations[-1]] == ["be brief", "a", "one ", "b"]


def test_a_turn_stopped_before_its_first_word_leaves_no_trace(
    session: ModelWorker, runtime: FakeRuntime
) -> None:
    go_on = threading.Event()
    runtime.before_token = lambda number: void(go_on.wait(PATIENCE))
    turn = session.submit("a")
    session.stop()
    go_on.set()
    assert turn.reply(PATIENCE) == ""
    session.submit("b").reply(PATIENCE)
    assert [m["content"] for m in runtime.conversations[-1]] == ["be brief", "b"]


def test_turns_are_numbered_when_accepted_and_the_queue_is_bounded(
    session: ModelWorker, runtime: FakeRuntime, eventually: Eventually
) -> None:
    go_on = threading.Event()
    runtime.before_token = lambda number: void(go_on.wait(PATIENCE))
    first = session.submit("a")
    eventually(lambda: len(runtime.conversations) == 1)
    waiting = [session.submit("b"), session.submit("c")]
    assert [turn.number for turn in (first, *waiting)] == [1, 2, 3]
    with pytest.raises(TooManyTurnsError, match="2 turns wait already, at most 2"):
        session.submit("d")
    go_on.set()
    session.drain()
    assert all(turn.done.is_set() for turn in waiting)


def test_closing_stops_the_reply_and_abandons_what_waits(
    runtime: FakeRuntime, hub: Hub, eventually: Eventually
) -> None:
    session = ModelWorker(runtime, hub, Sampling(), None, 2)
    session.start()
    go_on = threading.Event()
    runtime.before_token = lambda number: void(go_on.wait(PATIENCE))
    running, waiting = session.submit("a"), session.submit("b")
    eventually(lambda: len(runtime.conversations) == 1)
    assert not session.close(0.01)
    go_on.set()
    assert session.close(PATIENCE)
    assert running.outcome
    assert running.outcome.reason == "stopped"
    with pytest.raises(RuntimeError, match="ended before this turn began"):
        waiting.reply(PATIENCE)
    with pytest.raises(ClosedError):
        session.submit("c")


def test_left_out_messages_are_told(session: ModelWorker, runtime: FakeRuntime, outbox: Outbox) -> None:
    runtime.trimmed = 4
    session.submit("a").reply(PATIENCE)
    notices = [parcel for parcel in taken(outbox) if isinstance(parcel, Notice)]
    assert "4 oldest" in notices[0].message


def test_a_full_context_is_told_and_what_was_said_stays(
    session: ModelWorker, runtime: FakeRuntime, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.submit("a").reply(PATIENCE)
    taken(outbox)
    for outcome, told in (
        (TurnOutcome("half a", 2, "context"), "turn 2 ended because the context of 64 tokens is full; "),
        (
            TurnOutcome("", 0, "context"),
            "turn 3 has no reply: its prompt leaves no room in the context of 64",
        ),
    ):
        monkeypatch.setattr(runtime, "generate", lambda *_, outcome=outcome: outcome)
        assert session.submit("b").reply(PATIENCE) == outcome.text
        *_, notice, end = taken(outbox)
        assert notice.message.startswith(told)
        assert (end.reason, end.text) == ("context", outcome.text)
    said = [message["content"] for message in session.conversation.to_reply_to("c", new=False)]
    assert said == ["be brief", "a", "one two three", "b", "half a", "c"]


def test_the_pieces_of_a_reply_make_the_reply_without_its_end_mark(session: ModelWorker) -> None:
    turn = session.submit("a")
    assert list(turn.pieces()) == ["one ", "two ", "three"]
    assert list(turn.pieces()) == []


def test_a_reader_may_break_off_and_go_on(session: ModelWorker) -> None:
    turn = session.submit("a")
    first = next(turn.pieces())
    assert first + "".join(turn.pieces()) == "one two three"


def test_nobody_watching_costs_no_scan(session: ModelWorker, runtime: FakeRuntime) -> None:
    session.submit("a").reply(PATIENCE)
    assert runtime.plan.sites == ()
