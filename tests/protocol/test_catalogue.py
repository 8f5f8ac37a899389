"""A message's class says everything about it, or cannot be defined; the tables are made from there."""

from typing import Any, get_args

import pytest

from docs.make.protocol import example_scan
from llmri_protocol import Edit, catalogue, messages, plain
from llmri_protocol.catalogue import (
    CatalogueError,
    ClientEntry,
    Command,
    Message,
    PlainServerMessage,
    ServerEntry,
    check_answers,
    small,
    type_of,
)
from llmri_protocol.codec import KNOWN, WITH_ARRAY, sent_apart
from llmri_protocol.states import NATIVE, PLAIN, ROLES

WHOLE_CLIENT: dict[str, Any] = {"role": "viewer", "answer": "reply", "check": None}
WHOLE_SERVER: dict[str, Any] = {"plain": None, "weight": small, "check": None}
ALL = (*messages.CLIENT_KINDS, *messages.SERVER_KINDS, *plain.PLAIN_CLIENT_KINDS, *plain.PLAIN_SERVER_KINDS)


def toy(base: type[Message], entry: ClientEntry | ServerEntry | None) -> type[Message]:
    """Define a message as a module does."""
    said = {} if entry is None else {"entry": entry}
    metaclass: Any = type(base)
    kind: type[Message] = metaclass("Toy", (base,), {"__module__": __name__, **said}, frozen=True, tag="toy")
    return kind


@pytest.mark.parametrize(
    ("base", "entry"),
    [
        (Command, ClientEntry(**WHOLE_CLIENT)),
        (catalogue.ServerMessage, ServerEntry(**WHOLE_SERVER)),
        (PlainServerMessage, ServerEntry(**WHOLE_SERVER)),
    ],
)
def test_a_message_that_says_everything_can_be_defined(
    base: type[Message], entry: ClientEntry | ServerEntry
) -> None:
    assert type_of(toy(base, entry)) == "toy"


@pytest.mark.parametrize("name", WHOLE_CLIENT)
def test_a_clients_message_that_lacks_something_names_itself_and_what_it_lacks(name: str) -> None:
    said = {key: value for key, value in WHOLE_CLIENT.items() if key != name}
    with pytest.raises(CatalogueError, match=f"message Toy lacks `{name}`"):
        toy(Command, ClientEntry(**said))


@pytest.mark.parametrize("name", WHOLE_SERVER)
def test_a_servers_message_that_lacks_something_names_itself_and_what_it_lacks(name: str) -> None:
    said = {key: value for key, value in WHOLE_SERVER.items() if key != name}
    with pytest.raises(CatalogueError, match=f"message Toy lacks `{name}`"):
        toy(catalogue.ServerMessage, ServerEntry(**said))


def test_a_message_without_an_entry_or_a_sender_names_itself() -> None:
    with pytest.raises(CatalogueError, match="message Toy lacks its `entry`, expected a ClientEntry"):
        toy(Command, None)
    with pytest.raises(CatalogueError, match="message Toy lacks its `entry`, expected a ServerEntry"):
        toy(catalogue.ServerMessage, ClientEntry(**WHOLE_CLIENT))
    with pytest.raises(CatalogueError, match="message Toy has no sender"):
        toy(Message, ClientEntry(**WHOLE_CLIENT))


def test_an_answer_that_nobody_sends_is_named() -> None:
    asking = toy(Command, ClientEntry(**WHOLE_CLIENT | {"answer": "nothing_known"}))
    with pytest.raises(CatalogueError, match="message Toy is answered by `nothing_known`"):
        check_answers([asking], messages.SERVER_KINDS)


def test_the_unions_and_the_names_are_the_catalogue() -> None:
    assert get_args(messages.ClientMessage) == messages.CLIENT_KINDS == (messages.Hello, *messages.COMMANDS)
    assert get_args(messages.Command) == messages.COMMANDS
    assert get_args(messages.ServerMessage) == messages.SERVER_KINDS
    assert get_args(plain.PlainClientMessage) == plain.PLAIN_CLIENT_KINDS
    assert get_args(plain.PlainServerMessage) == plain.PLAIN_SERVER_KINDS
    named = {kind.__name__ for kind in (*messages.CLIENT_KINDS, *messages.SERVER_KINDS)}
    assert named <= set(vars(messages)["__all__"])
    assert [*KNOWN["client"], *KNOWN["server"]] == [
        type_of(kind) for kind in (*messages.CLIENT_KINDS, *messages.SERVER_KINDS)
    ]


def test_no_name_on_the_wire_is_taken_twice() -> None:
    taken = [(kind.sender, kind.dialect, type_of(kind)) for kind in ALL]
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_message_may_be_sent_in_some_state(kind: type[Message]) -> None:
    table = PLAIN if kind.dialect == "plain" else NATIVE
    assert any(kind in senders[kind.sender] for senders in table.values())


def test_a_viewer_only_looks_and_a_controller_may_send_every_command() -> None:
    assert ROLES["viewer"] == {messages.Subscribe, messages.Ping, messages.ShowJournal}
    assert ROLES["controller"] == set(messages.COMMANDS)


def test_scans_and_logits_alone_are_sent_from_their_own_memory() -> None:
    apart = {kind: sent_apart(kind) for kind in ALL if sent_apart(kind)}
    assert apart == {messages.Scan: ("data",), messages.Logits: ("data",)}
    assert {"scan", "influence_map", "attribution", "logits"} == WITH_ARRAY


def test_what_a_message_holds_weighs_in_a_queue() -> None:
    edit = Edit(site="resid_post", layer=0, op="steer", direction=(1.0,) * 1000)
    edits = messages.Edits(edits=(edit,) * 3, revision=1, undoable=1, redoable=0, by="x")
    assert messages.Edits.entry.weight(edits) > 3 * 9000
    scan = example_scan()
    assert messages.Scan.entry.weight(scan) == len(scan.data)
    history = messages.EditHistory(id=1, changes=())
    assert messages.EditHistory.entry.weight(history) == 0
