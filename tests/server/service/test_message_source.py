"""A server without a model: it tells clients what it is given, and refuses the rest in a sentence."""

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as few
from hypothesis import strategies as st

import llmri
from llmri_client.errors import RefusedError
from llmri_protocol.arrays import scan_message
from llmri_protocol.messages import (
    COMMANDS,
    Bye,
    Card,
    Chat,
    Command,
    Edit,
    Edits,
    Error,
    Notice,
    Ping,
    Reply,
    Scan,
    ServerMessage,
    Subscribe,
    Token,
    TurnEnd,
    TurnStart,
    Welcome,
    WishedDtype,
    type_of,
)
from llmri_server import Server, Settings
from llmri_server.broadcast.hub import Member
from llmri_server.broadcast.outbox import Outbox, OutboxLimits
from llmri_server.runtime import UnsupportedError
from llmri_server.service.handlers import Caller, Handlers
from llmri_server.service.message_source import MessageSource
from tests.protocol.strategies import messages
from tests.server.fakes import CARD, LAYERS, PATIENCE, WIDTH, Connect, FakeRuntime

ROWS = np.arange(LAYERS * WIDTH, dtype=np.float32).reshape(LAYERS, WIDTH)


def scan(site: str, wish: WishedDtype = "native") -> Scan:
    return scan_message(
        ROWS, "f32", turn=1, token=0, phase="generate", site=site, layers=(0, 1, 2), time=2.0, wish=wish
    )


TURN: list[ServerMessage] = [
    TurnStart(turn=1, prompt="hello", new=True, time=1.0),
    Token(turn=1, token=0, phase="generate", id=7, text="yes", logprob=-0.5, entropy=1.0),
    scan("resid_post"),
    scan("mlp_act"),
    Notice(level="info", message="so it was"),
    TurnEnd(turn=1, reason="end", text="yes", tokens=1, seconds=0.5),
]


@pytest.fixture
def source() -> MessageSource:
    return MessageSource(Settings(port=0), CARD)


@pytest.fixture
def server(source: MessageSource) -> Iterator[Server]:
    with Server(None, Settings(port=0), source=source) as running:
        yield running


def test_a_server_of_nothing_welcomes_and_says_that_nothing_runs(connect_to: Connect) -> None:
    with Server(None, Settings(port=0)) as server:
        viewer = connect_to(server)
        card = viewer.expect(Welcome).card
        assert (card.name, card.runtime, card.layers, card.sites) == ("nothing", "none", 0, ())
        viewer.tell(Ping)
        viewer.expect(Reply)


def test_what_it_is_given_comes_to_every_client_each_with_the_scans_it_asked_for(
    server: Server, source: MessageSource, connect: Connect
) -> None:
    all_of_it, one_layer = connect(), connect()
    all_of_it.tell(Subscribe, sites=("resid_post", "mlp_act"))
    one_layer.tell(Subscribe, sites=("mlp_act",), layers=(1,))
    assert all_of_it.expect(Welcome).card == CARD
    one_layer.expect(Welcome)
    for viewer in (all_of_it, one_layer):
        viewer.expect(Reply)
    for message in TURN:
        source.tell(message)
    came = all_of_it.until(TurnEnd)
    assert came == TURN
    (scanned,) = (message for message in one_layer.until(TurnEnd) if isinstance(message, Scan))
    assert (scanned.site, scanned.layers) == ("mlp_act", (1,))
    np.testing.assert_array_equal(llmri.array_of(scanned), ROWS[[1]])


def test_a_scan_that_was_quantised_is_told_as_near_as_it_came(
    server: Server, source: MessageSource, connect: Connect
) -> None:
    quantised = scan("mlp_act", wish="u8")
    assert quantised.dtype == "u8"
    viewer = connect()
    viewer.tell(Subscribe, sites=("mlp_act",))
    viewer.until(Reply)
    source.tell(quantised)
    np.testing.assert_array_equal(llmri.array_of(viewer.expect(Scan)), llmri.array_of(quantised))


def test_who_comes_later_is_welcomed_with_the_edits_the_card_and_the_turn_that_stand(
    server: Server, source: MessageSource, connect: Connect
) -> None:
    edit = Edit(site="mlp_act", layer=0, units=(1,), value=0.0)
    edits = Edits(edits=(edit,), revision=3, undoable=1, redoable=0, by="ann", name="off", stale_cache=False)
    early = connect()
    early.expect(Welcome)
    source.tell(edits)
    card = Card(card=msgspec.structs.replace(CARD, device="elsewhere"))
    source.tell(card)
    source.tell(TURN[0])
    assert early.until(TurnStart) == [edits, card, TURN[0]]
    late = connect()
    welcome = late.expect(Welcome)
    assert (welcome.edits, welcome.edit_set, welcome.revision) == ((edit,), "off", 3)
    assert welcome.card == card.card
    assert late.receive() == TURN[0]


@pytest.mark.parametrize("kind", [kind for kind in COMMANDS if kind not in {Ping, Subscribe}])
@given(data=st.data())
@few(max_examples=3, deadline=None)
def test_every_command_that_needs_a_model_is_refused_by_name(
    kind: type[Command], data: st.DataObject
) -> None:
    command = data.draw(messages(kind))
    caller = Caller("test", Member(Outbox(OutboxLimits())))
    answer = MessageSource(Settings(), CARD).handlers.answer(caller, command)
    assert isinstance(answer, Error)
    assert (answer.code, answer.id) == ("unsupported", command.id)
    assert answer.message == f"this server runs no model, so it cannot answer `{type_of(kind)}`"


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.say("hello"),
        lambda client: client.intervene([Edit(site="mlp_act", layer=0, units=(1,), value=0.0)]),
        lambda client: client.undo(),
    ],
)
def test_chat_and_edits_are_refused_in_a_sentence_and_the_client_stays(
    server: Server, ask: Callable[[llmri.Client], object]
) -> None:
    with llmri.connect(server.addresses[0], timeout=PATIENCE) as client:
        with pytest.raises(RefusedError, match="this server runs no model, so it cannot answer") as told:
            ask(client)
        assert told.value.code == "unsupported"
        client.subscribe("mlp_act")


def test_from_python_too(server: Server) -> None:
    for ask in (lambda: server.chat("hello"), lambda: server.journal, lambda: server.runtime):
        with pytest.raises(UnsupportedError, match="this server runs no model"):
            ask()
    assert not server.stop()


def test_a_source_may_answer_commands_of_its_own() -> None:
    said: list[str] = []

    def play(caller: Caller, command: Chat) -> Reply:
        said.append(command.text or "")
        return Reply(id=command.id, turn=9, time=0.0)

    def register(handlers: Handlers) -> None:
        handlers.add(Chat, play)

    with (
        Server(None, Settings(port=0), source=MessageSource(Settings(), CARD, register)) as server,
        llmri.connect(server.addresses[0], timeout=PATIENCE) as client,
    ):
        assert client.say("play") == 9
    assert said == ["play"]


@pytest.mark.parametrize("message", [Bye(reason="x"), Reply(id=1, time=0.0)])
def test_what_is_said_to_one_client_is_not_broadcast(source: MessageSource, message: ServerMessage) -> None:
    with pytest.raises(ValueError, match="is said to one client, and not broadcast"):
        source.tell(message)


def test_a_runtime_and_a_source_are_one_too_many(source: MessageSource) -> None:
    with pytest.raises(ValueError, match="was given both"):
        Server(FakeRuntime(), source=source)
