"""Measurements over a real socket: answered when the work is done, to who asked, once."""

import threading
from typing import Any

import msgspec
import numpy as np
import pytest

from llmri_protocol.messages import (
    Attribute,
    Attribution,
    Chat,
    Command,
    Compare,
    Comparison,
    Edit,
    EditHistory,
    Edits,
    Error,
    Influence,
    Intervene,
    LogitLens,
    MeasureInfluence,
    Notice,
    Ping,
    Progress,
    ReadLens,
    Reply,
    RePrefill,
    ServerMessage,
    ShowJournal,
    Stop,
    TurnEnd,
    TurnStart,
    Welcome,
)
from llmri_server import Server
from llmri_server.runtime import NonFiniteError
from tests.server.fakes import LAYERS, WIDTH, Connect, Eventually, FakeRuntime, Viewer

EDIT = Edit(site="resid_post", layer=1, units=(2,), value=0.0)
TEXT = "a text of seven words is enough"
REQUESTS: list[tuple[type[Command], dict[str, Any], type[ServerMessage]]] = [
    (MeasureInfluence, {"edits": (EDIT,)}, Influence),
    (Attribute, {"site": "mlp_act", "layer": 1, "checked": 4}, Attribution),
    (Compare, {"edits": (EDIT,), "most": 5}, Comparison),
    (ReadLens, {}, LogitLens),
]


@pytest.fixture
def viewer(connect: Connect) -> Viewer:
    viewer = connect()
    viewer.expect(Welcome)
    return viewer


@pytest.fixture
def gate(runtime: FakeRuntime) -> threading.Event:
    """Hold every measurement back until this is set."""
    gate = threading.Event()

    def wait() -> None:
        gate.wait(60)

    runtime.before_pass = wait
    return gate


def converse(viewer: Viewer, text: str = "hello you there") -> None:
    viewer.tell(Chat, text=text)
    viewer.until(TurnEnd)
    viewer.tell(Ping)
    viewer.until(Reply)


def answers(viewer: Viewer, command: int) -> list[ServerMessage]:
    """Return what came up to the answer of a command."""
    came = [viewer.receive()]
    while not (isinstance(came[-1], Reply | Error) and came[-1].id == command):
        came.append(viewer.receive())
    return came


@pytest.mark.parametrize(("kind", "fields", "answer"), REQUESTS)
def test_progress_and_result_come_before_the_reply_and_to_nobody_else(
    viewer: Viewer, connect: Connect, kind: type[Command], fields: dict[str, Any], answer: type[ServerMessage]
) -> None:
    converse(viewer)
    other = connect()
    other.expect(Welcome)
    number = viewer.tell(kind, **fields)
    *steps, result, reply = answers(viewer, number)
    assert steps
    assert all(isinstance(step, Progress) and step.id == number for step in steps)
    assert isinstance(result, answer)
    assert getattr(result, "id", None) == number
    assert isinstance(reply, Reply)
    other.tell(Ping)
    assert isinstance(other.receive(), Reply)


def test_influence_is_over_the_conversation_or_a_text(viewer: Viewer, runtime: FakeRuntime) -> None:
    converse(viewer)
    viewer.tell(MeasureInfluence, edits=(EDIT,))
    found = viewer.last(Influence)
    assert found.positions == len(runtime.context()) == 6  # three were asked, three read of the reply
    assert found.shape == (len(found.layers), WIDTH) == (LAYERS - 1, WIDTH)
    data = np.frombuffer(found.data, dtype="<f4").reshape(found.shape)
    assert data[0, 2] > 0
    viewer.tell(MeasureInfluence, edits=(EDIT,), site="mlp_act", text=TEXT)
    assert viewer.last(Influence).positions == 7


def test_influence_can_be_measured_up_to_a_token(viewer: Viewer, runtime: FakeRuntime) -> None:
    converse(viewer)
    prompt = runtime.prompt_ids(runtime.conversations[-1])
    viewer.tell(MeasureInfluence, edits=(EDIT,), turn=1, token=2)
    found = viewer.last(Influence)
    assert found.positions == len(prompt) + 2
    plain, edited = (runtime.model.run((*prompt, 1, 2), edits)[0][-1] for edits in ((), (EDIT,)))
    p, q = (np.exp(logits - np.logaddexp.reduce(logits)) for logits in (plain, edited))
    assert found.kl == pytest.approx((p * np.log(p / q)).sum(), rel=1e-3)
    viewer.tell(MeasureInfluence, edits=(EDIT,), turn=1, token=9)
    assert viewer.last(Error).code == "bad_field"


def test_attribution_gives_every_unit_and_the_ablated_ones(viewer: Viewer) -> None:
    viewer.tell(Attribute, site="mlp_act", layer=2, method="integrated", checked=6, target=5, text=TEXT)
    found = viewer.last(Attribution)
    assert np.frombuffer(found.data, dtype="<f4").shape == (WIDTH,)
    assert len(found.checked) == len(found.effects) == 6
    assert (found.target.id, found.target.text, found.layer, found.method) == (5, "w5 ", 2, "integrated")
    assert found.pearson is not None


def test_comparison_repeats_the_last_prompt_or_takes_another(
    viewer: Viewer, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    converse(viewer, "first words")
    converse(viewer, "second words")
    asked: list[list[str]] = []
    replay = runtime.replay

    def listening(conversation: Any, *rest: Any) -> Any:
        asked.append([message["content"] for message in conversation])
        return replay(conversation, *rest)

    monkeypatch.setattr(runtime, "replay", listening)
    for fields in ({}, {"new": True}, {"prompt": "third"}, {"prompt": "third", "new": True}):
        viewer.tell(Compare, edits=(EDIT,), most=2, **fields)
        viewer.last(Comparison)
    said = "one two three"
    assert (
        asked[::2]
        == asked[1::2]
        == [
            ["first words", said, "second words"],
            ["second words"],
            ["first words", said, "second words", said, "third"],
            ["third"],
        ]
    )


def test_comparison_takes_the_edits_that_stand_unless_it_brings_some(viewer: Viewer) -> None:
    strong = Edit(site="resid_post", layer=0, units=tuple(range(WIDTH)), value=-3.0)
    viewer.tell(Intervene, edits=(strong,))
    viewer.tell(Compare, prompt="tell me", most=4)
    standing = viewer.last(Comparison)
    viewer.tell(Compare, prompt="tell me", most=4, edits=(strong,))
    given = viewer.last(Comparison)
    assert standing.plain == given.plain
    assert standing.edited == given.edited != given.plain
    viewer.tell(Compare, prompt="tell me", most=4, edits=())
    assert viewer.last(Comparison).first_difference is None


def test_what_is_measured_does_not_stand_and_the_conversation_goes_on_undisturbed(
    viewer: Viewer, runtime: FakeRuntime
) -> None:
    converse(viewer, "one")
    kept = runtime.context()
    for kind, fields, answer in REQUESTS:
        viewer.tell(kind, **fields)
        viewer.last(answer)
    assert (runtime.edits, runtime.context()) == ((), kept)
    converse(viewer, "two")
    assert [m["content"] for m in runtime.conversations[-1]] == ["one", "one two three", "two"]


def test_re_prefill_cures_the_stale_cache_and_everybody_hears_of_it(
    viewer: Viewer, connect: Connect, runtime: FakeRuntime
) -> None:
    converse(viewer)
    viewer.tell(Intervene, edits=(EDIT,))
    assert viewer.last(Edits).stale_cache
    other = connect()
    assert other.expect(Welcome).stale_cache
    viewer.until(Reply)
    number = viewer.tell(RePrefill)
    assert [type(message) for message in answers(viewer, number)] == [Edits, Reply]
    assert not other.expect(Edits).stale_cache
    assert not runtime.stale()


def test_a_turn_that_computes_all_anew_tells_that_nothing_is_stale_any_more(viewer: Viewer) -> None:
    converse(viewer)
    viewer.tell(Intervene, edits=(EDIT,))
    assert viewer.last(Edits).stale_cache
    viewer.tell(Chat, text="again", new=True)
    assert not viewer.last(Edits).stale_cache


def test_the_journal_is_shown_to_who_asks(viewer: Viewer) -> None:
    viewer.tell(Intervene, edits=(EDIT,))
    viewer.until(Reply)
    number = viewer.tell(ShowJournal)
    history, reply = answers(viewer, number)
    assert isinstance(history, EditHistory)
    assert history.id == number
    assert [change.revision for change in history.changes] == [1]
    assert isinstance(reply, Reply)


REFUSED: list[tuple[type[Command], dict[str, Any], str, str]] = [
    (MeasureInfluence, {"edits": (EDIT,)}, "nothing_to_measure", "nothing was said yet"),
    (Attribute, {"site": "mlp_act", "layer": 0}, "nothing_to_measure", "give a text"),
    (Compare, {}, "nothing_to_measure", "give a prompt"),
    (ReadLens, {}, "nothing_to_measure", "nothing was said yet"),
    (ReadLens, {"text": ""}, "bad_field", "0 tokens"),
    (MeasureInfluence, {"edits": (Edit(site="resid_post", layer=9, units=(0,)),)}, "bad_edit", "layer 9"),
    (Compare, {"edits": (Edit(site="resid_post", layer=0, units=(99,)),)}, "bad_edit", "unit 99"),
    (MeasureInfluence, {"edits": (EDIT,), "site": "z", "text": TEXT}, "bad_field", "no site 'z'"),
    (MeasureInfluence, {"edits": (EDIT,), "text": "x " * 65}, "bad_field", "65 tokens, expected 1 to 64"),
    (MeasureInfluence, {"edits": (EDIT,), "text": ""}, "bad_field", "0 tokens"),
    (Attribute, {"site": "mlp_act", "layer": 3, "text": TEXT}, "bad_field", "layers 0 to 2"),
    (Attribute, {"site": "mlp_act", "layer": 0, "target": 100, "text": TEXT}, "bad_field", "the last is 99"),
]


@pytest.mark.parametrize(("kind", "fields", "code", "sentence"), REFUSED)
def test_what_cannot_be_measured_is_refused_with_the_reason(
    viewer: Viewer, kind: type[Command], fields: dict[str, Any], code: str, sentence: str
) -> None:
    number = viewer.tell(kind, **fields)
    (error,) = answers(viewer, number)
    assert isinstance(error, Error)
    assert (error.code, error.id) == (code, number)
    assert sentence in error.message


def test_a_runtime_without_gradients_says_so(
    viewer: Viewer, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "card", msgspec.structs.replace(runtime.card, attributable=False))
    viewer.tell(Attribute, site="mlp_act", layer=0, text=TEXT)
    assert viewer.last(Error).code == "unsupported"


def test_the_lens_is_of_the_token_that_was_asked_for(viewer: Viewer, runtime: FakeRuntime) -> None:
    converse(viewer)
    viewer.tell(ReadLens, token=2, most=3)
    found = viewer.last(LogitLens)
    ids = (*runtime.prompt_ids(runtime.conversations[-1]), 1, 2)
    logits = runtime.model.run(ids)[0][-1]
    assert (found.turn, found.token, found.positions) == (1, 2, len(ids))
    assert [candidate.id for candidate in found.layers[-1].top] == np.argsort(-logits)[:3].tolist()
    assert found.came is not None
    assert found.came.id == 3
    assert found.layers[-1].rank == (logits > logits[3]).sum()


def test_the_newest_token_of_the_lens_is_the_last_that_was_read(viewer: Viewer) -> None:
    converse(viewer)
    viewer.tell(ReadLens)
    found = viewer.last(LogitLens)
    assert (found.turn, found.token) == (1, 3)
    viewer.tell(ReadLens, text=TEXT)
    found = viewer.last(LogitLens)
    assert (found.turn, found.token, found.came) == (None, 6, None)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [({"turn": 7}, "turn 7 is not kept; the newest is 1"), ({"token": 99}, "no token 99; its last is 4")],
)
def test_the_lens_of_a_token_that_never_was_is_refused(
    viewer: Viewer, fields: dict[str, Any], sentence: str
) -> None:
    converse(viewer)
    viewer.tell(ReadLens, **fields)
    error = viewer.last(Error)
    assert error.code == "bad_field"
    assert sentence in error.message


def test_the_lens_feels_the_edits_that_stand(viewer: Viewer) -> None:
    silent = Edit(site="resid_post", layer=1, units=tuple(range(WIDTH)), value=0.0)
    viewer.tell(ReadLens, text=TEXT)
    plain = viewer.last(LogitLens)
    viewer.tell(Intervene, edits=(silent,))
    viewer.tell(ReadLens, text=TEXT)
    edited = viewer.last(LogitLens)
    assert edited.layers[0].top == plain.layers[0].top
    assert edited.layers[1].entropy == pytest.approx(np.log(100))
    assert edited.layers[2].top != plain.layers[2].top


def test_a_runtime_without_a_lens_says_so(
    viewer: Viewer, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "card", msgspec.structs.replace(runtime.card, lens=False))
    viewer.tell(ReadLens, text=TEXT)
    assert viewer.last(Error).code == "unsupported"


@pytest.mark.filterwarnings("ignore:overflow")
def test_edits_that_break_the_model_are_named(viewer: Viewer) -> None:
    breaking = tuple(Edit(site="resid_post", layer=layer, units=(0,), value=3e38) for layer in (1, 2))
    viewer.tell(MeasureInfluence, edits=breaking, text=TEXT)
    error = viewer.last(Error)
    assert error.code == "bad_edit"
    assert "resid_post" in error.message


def test_a_bug_in_a_measurement_is_told_and_the_server_lives(
    viewer: Viewer, runtime: FakeRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    runtime.before_pass = fail
    viewer.tell(MeasureInfluence, edits=(EDIT,), text=TEXT)
    assert viewer.last(Error).code == "internal"
    assert "ZeroDivisionError" in caplog.text
    runtime.before_pass = lambda: None
    viewer.tell(MeasureInfluence, edits=(EDIT,), text=TEXT)
    viewer.last(Influence)


def test_stop_ends_a_running_and_a_waiting_measurement_and_no_other(
    viewer: Viewer, gate: threading.Event
) -> None:
    numbers = [viewer.tell(Attribute, site="mlp_act", layer=0, text=TEXT) for _ in range(3)]
    viewer.expect(Progress)
    viewer.tell(Stop, command=numbers[1])
    stopped = viewer.last(Error)
    assert (stopped.code, stopped.id) == ("stopped", numbers[1])
    viewer.tell(Stop, command=numbers[0])
    viewer.last(Reply)
    gate.set()
    stopped = viewer.last(Error)
    assert (stopped.code, stopped.id) == ("stopped", numbers[0])
    assert isinstance(answers(viewer, numbers[2])[-1], Reply)


def test_stop_of_another_clients_measurement_does_nothing(
    viewer: Viewer, connect: Connect, gate: threading.Event
) -> None:
    number = viewer.tell(Attribute, site="mlp_act", layer=0, text=TEXT)
    viewer.expect(Progress)
    other = connect()
    other.expect(Welcome)
    other.tell(Stop, command=number)
    other.expect(Reply)
    gate.set()
    assert isinstance(answers(viewer, number)[-1], Reply)


def test_stop_without_a_command_ends_the_reply_and_no_measurement(
    viewer: Viewer, gate: threading.Event
) -> None:
    number = viewer.tell(Attribute, site="mlp_act", layer=0, checked=0, text=TEXT)
    viewer.expect(Progress)
    viewer.tell(Chat, text="hello")
    viewer.tell(Stop)
    viewer.until(Reply)
    viewer.until(Reply)
    gate.set()
    came = answers(viewer, number)
    assert isinstance(came[-1], Reply)
    assert viewer.last(TurnEnd).reason == "stopped"


def test_turns_and_measurements_run_in_the_order_in_which_they_came(
    viewer: Viewer, gate: threading.Event
) -> None:
    first = viewer.tell(MeasureInfluence, edits=(EDIT,), text=TEXT)
    viewer.tell(Chat, text="hello")
    second = viewer.tell(MeasureInfluence, edits=(EDIT,))
    gate.set()
    came = answers(viewer, second)
    order = [message for message in came if isinstance(message, Influence | TurnEnd)]
    assert [getattr(message, "id", "turn") for message in order] == [first, "turn", second]


def test_a_client_that_leaves_ends_its_measurements(
    viewer: Viewer, connect: Connect, gate: threading.Event, server: Server, eventually: Eventually
) -> None:
    leaving = connect()
    for _ in range(2):
        leaving.tell(Attribute, site="mlp_act", layer=0, text=TEXT)
    leaving.last(Progress)
    leaving.close()
    eventually(lambda: len(server.hub) == 1)
    number = viewer.tell(MeasureInfluence, edits=(EDIT,), text=TEXT)
    gate.set()
    assert isinstance(answers(viewer, number)[-1], Reply)
    server.worker.drain()


def test_too_many_waiting_measurements_are_refused(
    viewer: Viewer, gate: threading.Event, server: Server
) -> None:
    for _ in range(server.settings.queue_turns + 2):
        viewer.tell(MeasureInfluence, edits=(EDIT,), text=TEXT)
    error = viewer.last(Error)
    assert error.code == "too_many_turns"
    assert "64 measurements wait already" in error.message
    gate.set()


def test_who_only_looks_may_see_the_journal(connect: Connect) -> None:
    looking = connect(role="viewer")
    looking.expect(Welcome)
    looking.tell(ShowJournal)
    assert looking.expect(EditHistory).changes == ()
    looking.expect(Reply)


def test_a_turn_that_an_edit_breaks_ends_with_a_sentence_and_no_traceback(
    viewer: Viewer, runtime: FakeRuntime, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(number: int) -> None:
        raise NonFiniteError("scale 3e38 on unit 2 of `resid_post`, layer 1 made the logits infinite")

    runtime.before_token = fail
    viewer.tell(Chat, text="hello")
    messages = viewer.until(TurnEnd)
    (notice,) = (message for message in messages if isinstance(message, Notice))
    assert notice.level == "warning"
    assert notice.message.startswith("turn 1 was ended: scale 3e38 on unit 2")
    assert isinstance(messages[-1], TurnEnd)
    assert messages[-1].reason == "error"
    assert "Traceback" not in capsys.readouterr().err
    runtime.before_token = lambda number: None
    converse(viewer)


def test_who_joins_in_the_middle_of_a_turn_gets_its_start(
    viewer: Viewer, connect: Connect, runtime: FakeRuntime
) -> None:
    go_on, reached = threading.Event(), threading.Event()

    def wait(number: int) -> None:
        reached.set()
        go_on.wait(60)

    runtime.before_token = wait
    viewer.tell(Chat, text="hello")
    reached.wait(60)
    late = connect()
    late.expect(Welcome)
    assert late.expect(TurnStart).prompt == "hello"
    go_on.set()
    late.last(TurnEnd)
    viewer.last(TurnEnd)
    connected_after = connect()
    connected_after.expect(Welcome)
    connected_after.tell(Ping)
    connected_after.expect(Reply)
