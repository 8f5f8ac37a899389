"""A wire that can grow: what a later peer of version 2 says is passed over, named, and never misread."""

from typing import Any

import msgpack  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_protocol import (
    Chat,
    ClientConnection,
    Edit,
    Edits,
    Error,
    Notice,
    Ping,
    RemoteProtocolError,
    Reply,
    SamplingWish,
    Scan,
    ServerConnection,
    Subscribe,
    TurnEnd,
    Welcome,
    encode,
)
from llmri_protocol.growth import read_command, read_report
from tests.protocol.strategies import CLIENT_KINDS, SERVER_KINDS, Kind, messages
from tests.protocol.test_connection import WELCOME, joined, opened, raw

WELCOMED = joined(encode(WELCOME))
SCAN: dict[str, Any] = {
    "type": "scan",
    "turn": 1,
    "token": 0,
    "phase": "generate",
    "site": "resid_post",
    "layers": [0],
    "dtype": "f32",
    "shape": [1, 2],
    "time": 1.5,
    "data": np.array([1, 2], np.float32).tobytes(),
}
EDITS: dict[str, Any] = {
    "type": "edits",
    "edits": [],
    "revision": 3,
    "undoable": 1,
    "redoable": 0,
    "by": "later",
}
KNOWN_EDIT = {"site": "z", "layer": 1, "units": [4]}


def told(message: dict[str, Any]) -> tuple[list[Any], dict[str, int]]:
    """Return what a client makes of a server's message, and what it passed over."""
    _, client = opened()
    return client.feed(raw(message)), client.skipped


def asked(command: dict[str, Any]) -> tuple[Any, tuple[str, ...]]:
    """Return what a server makes of a client's command, and what its reply names as skipped."""
    server, client = opened()
    (event,) = server.feed(raw(command))
    if isinstance(event, RemoteProtocolError):
        return event, ()
    (reply,) = client.feed(joined(server.send(Reply(id=command["id"], time=1.0))))
    assert isinstance(reply, Reply)
    (again,) = client.feed(joined(server.send(Reply(id=command["id"], time=1.0))))
    assert again == Reply(id=command["id"], time=1.0)  # it was named once
    return event, reply.skipped


def test_an_unknown_message_is_passed_over_and_counted() -> None:
    _, client = opened()
    later = raw({"type": "tile", "turn": 1, "data": b"1234", "deep": {"a": [{}]}})
    bye = raw({"type": "notice", "level": "info", "message": "next"})
    assert client.feed(later + later + bye) == [Notice(level="info", message="next")]
    assert client.skipped == {"the message `tile`": 2}


def test_a_large_unknown_message_is_passed_over_too() -> None:
    assert told({"type": "tile", "data": bytes(17 << 20)}) == ([], {"the message `tile`": 1})


def test_an_unknown_message_before_the_welcome_does_not_end_the_connection() -> None:
    client = ClientConnection()
    client.hello("test")
    assert client.feed(raw({"type": "motto", "text": "a"}) + WELCOMED) == [WELCOME]
    assert not client.ended


def test_unknown_fields_of_a_report_are_passed_over() -> None:
    ((scan,), skipped) = told(SCAN | {"mood": [1], "stats": None})
    assert isinstance(scan, Scan)
    assert np.asarray(scan).tolist() == [[1, 2]]
    assert skipped == {}


def test_unknown_fields_of_a_card_are_passed_over() -> None:
    later = msgpack.unpackb(WELCOMED[4:])
    later["card"] |= {"experts": 8}
    later["card"]["sites"] = [{"name": "new_site", "width": 4, "editable": True, "unit": "u", "sparse": True}]
    later["sampling"] = {"temperature": 0.5, "mood": "calm"}
    later["motto"] = "x"
    client = ClientConnection()
    client.hello("test")
    (welcome,) = client.feed(raw(later))
    assert isinstance(welcome, Welcome)
    assert welcome.card.sites[0].name == "new_site"
    assert welcome.sampling == SamplingWish(temperature=0.5)


@pytest.mark.parametrize(
    ("field", "value"), [("dtype", "f8"), ("phase", "dream")], ids=["a dtype", "a phase"]
)
def test_a_message_whose_meaning_hangs_on_an_unknown_value_is_passed_over(field: str, value: str) -> None:
    assert told(SCAN | {field: value}) == ([], {f"a `scan` with `{field}` as `{value}`": 1})


@pytest.mark.parametrize(
    ("message", "expected", "what"),
    [
        (
            {"type": "turn_end", "turn": 1, "reason": "bored", "text": "a", "tokens": 1, "seconds": 1.0},
            TurnEnd(turn=1, reason="end", text="a", tokens=1, seconds=1.0),
            "`reason` as `bored` in `turn_end`",
        ),
        (
            {"type": "notice", "level": "urgent", "message": "a"},
            Notice(level="info", message="a"),
            "`level` as `urgent` in `notice`",
        ),
        (
            {"type": "playback", "state": "rewinding", "turn": 2},
            None,
            "`state` as `rewinding` in `playback`",
        ),
    ],
)
def test_an_unknown_value_reads_as_what_stands_for_it(
    message: dict[str, Any], expected: Any, what: str
) -> None:
    ((event,), skipped) = told(message)
    assert skipped == {what: 1}
    if expected is None:
        assert (event.state, event.turn) == (None, 2)
    else:
        assert event == expected


def test_unknown_values_of_a_card_do_not_end_the_connection() -> None:
    later = msgpack.unpackb(WELCOMED[4:])
    later["card"] |= {
        "dtype": "f8",
        "protected": [{"site": "z", "layer": 0, "unit": 1, "test": "vibes", "evidence": "a"}],
    }
    client = ClientConnection()
    client.hello("test")
    (welcome,) = client.feed(raw(later))
    assert isinstance(welcome, Welcome)
    assert welcome.card.dtype == "f32"
    assert welcome.card.protected[0].test == "list"
    assert set(client.skipped) == {
        "`card.dtype` as `f8` in `welcome`",
        "`card.protected[].test` as `vibes` in `welcome`",
    }


@pytest.mark.parametrize(
    "later",
    [
        KNOWN_EDIT | {"op": "swap"},
        KNOWN_EDIT | {"op": "scale", "gate": 3},
        KNOWN_EDIT | {"positions": "odd"},
        KNOWN_EDIT | {"schedule": {"first": 0, "curve": "sine"}},
        KNOWN_EDIT | {"value": "much"},
    ],
    ids=["an operation", "a field", "positions", "a schedule's field", "a kind of value"],
)
def test_an_edit_that_cannot_be_read_is_never_read_as_another(later: dict[str, Any]) -> None:
    ((edits,), skipped) = told(EDITS | {"edits": [KNOWN_EDIT, later]})
    assert isinstance(edits, Edits)
    assert edits.edits == (Edit(site="z", layer=1, units=(4,)),)
    word = f"`{later.get('op', 'scale')}` at `z`"
    assert edits.unread == (word,)
    assert skipped == {f"the edit {word} in `edits`": 1}


def test_edits_that_cannot_be_read_are_told_in_a_welcome_too() -> None:
    later = msgpack.unpackb(WELCOMED[4:])
    later["edits"] = [KNOWN_EDIT | {"op": "swap"}]
    client = ClientConnection()
    client.hello("test")
    (welcome,) = client.feed(raw(later))
    assert isinstance(welcome, Welcome)
    assert (welcome.edits, welcome.unread) == ((), ("`swap` at `z`",))
    assert not client.ended


@pytest.mark.parametrize("wrong", [{"turn": -1}, {"turn": "a"}, {"dtype": 5}, {"layers": "all"}])
def test_what_no_later_server_sends_is_still_an_error(wrong: dict[str, Any]) -> None:
    ((error,), skipped) = told(SCAN | wrong | {"more": 1})
    assert isinstance(error, RemoteProtocolError)
    assert (error.code, error.fatal, skipped) == ("bad_field", False, {})


def test_kinds_of_unknown_things_are_counted_within_bounds() -> None:
    _, client = opened()
    for number in range(1000):
        client.feed(raw({"type": f"later{number}" + "x" * 1000}))
    assert len(client.skipped) == 256
    assert max(map(len, client.skipped)) < 80


@pytest.mark.parametrize(
    ("command", "expected", "skipped"),
    [
        ({"type": "ping", "id": 1, "mood": 1}, Ping(id=1), ("mood",)),
        (
            {"type": "subscribe", "id": 2, "sites": ["z"], "shape": {"a": 1}, "rate": None},
            Subscribe(id=2, sites=("z",)),
            ("shape", "rate"),
        ),
        (
            {
                "type": "chat",
                "id": 3,
                "messages": [{"role": "user", "content": "a", "image": b"1"}] * 2,
                "sampling": {"top_k": 3, "mirostat": 2},
            },
            None,
            ("messages[].image", "sampling.mirostat"),
        ),
    ],
)
def test_unknown_fields_of_a_command_are_skipped_and_named_in_its_reply(
    command: dict[str, Any], expected: Any, skipped: tuple[str, ...]
) -> None:
    event, named = asked(command)
    assert set(named) == set(skipped)
    if expected is None:
        assert isinstance(event, Chat)
        assert event.sampling == SamplingWish(top_k=3)
        assert event.messages is not None
        assert [said.content for said in event.messages] == ["a", "a"]
    else:
        assert event == expected


@pytest.mark.parametrize(
    ("command", "code", "named"),
    [
        ({"type": "dance", "id": 7}, "unknown_type", "dance"),
        ({"type": "subscribe", "id": 7, "sites": [], "dtype": "f8", "more": 1}, "bad_field", "`dtype`"),
        ({"type": "chat", "id": 7, "messages": [{"role": "tool", "content": "a"}]}, "bad_field", "`tool`"),
        ({"type": "chat", "id": 7, "text": "a", "sampling": {"top_p": 2, "x": 1}}, "bad_field", "top_p"),
        ({"type": "intervene", "id": 7, "edits": [KNOWN_EDIT | {"op": "swap"}]}, "bad_field", "`swap`"),
        ({"type": "intervene", "id": 7, "edits": [KNOWN_EDIT | {"gate": 1}]}, "bad_field", "`gate`"),
        (
            {"type": "intervene", "id": 7, "mood": 1, "edits": [KNOWN_EDIT | {"gate": 1}]},
            "bad_field",
            "`gate`",
        ),
        (
            {"type": "intervene", "id": 7, "edits": [KNOWN_EDIT | {"schedule": {"curve": 1}}]},
            "bad_field",
            "`curve`",
        ),
        ({"type": "scan_text", "id": 7, "text": "a", "edits": [{"gate": 1}]}, "bad_field", "`gate`"),
        ({"type": "chat", "id": 7, "mood": 1}, "bad_field", "neither of `text` and `messages`"),
    ],
)
def test_what_is_asked_for_and_not_known_is_refused_by_its_id(
    command: dict[str, Any], code: str, named: str
) -> None:
    error, _ = asked(command)
    assert isinstance(error, RemoteProtocolError)
    assert (error.code, error.id, error.fatal) == (code, 7, False)
    assert named in error.message


def test_unknown_fields_of_a_refused_command_are_forgotten() -> None:
    server, client = opened()
    server.feed(raw({"type": "ping", "id": 1, "mood": 1}))
    server.send(Error(code="internal", message="a", id=1))
    (reply,) = client.feed(joined(server.send(Reply(id=1, time=1.0))))
    assert reply == Reply(id=1, time=1.0)


def test_a_later_hello_is_let_in() -> None:
    server = ServerConnection()
    server.feed(raw({"type": "hello", "protocol": 2, "client": "later", "role": "viewer", "mood": 1}))
    assert (server.state, server.role) == ("welcome", "viewer")


def test_a_field_at_its_default_is_not_sent_so_that_an_older_server_hears_nothing_of_it() -> None:
    _, client = opened()
    body = msgpack.unpackb(joined(client.send(Subscribe(id=1, sites=("z",))))[4:])
    assert body == {"type": "subscribe", "id": 1, "sites": ["z"]}


LATER = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def with_field(message: Any, value: Any) -> bytes:
    """Return the body of a message with a field of a later version in it, in front of its arrays."""
    fields = msgpack.unpackb(joined(encode(message))[4:], strict_map_key=False)
    body: bytes = msgpack.packb({"later": value} | fields)
    return body


@pytest.mark.parametrize("kind", SERVER_KINDS)
@settings(max_examples=8)
@given(data=st.data())
def test_any_report_with_a_later_field_reads_as_it_would_without(kind: Kind, data: st.DataObject) -> None:
    message = data.draw(messages(kind))
    assert read_report(with_field(message, data.draw(LATER))) == (message, ())


@pytest.mark.parametrize("kind", CLIENT_KINDS)
@settings(max_examples=8)
@given(data=st.data())
def test_any_command_with_a_later_field_is_taken_and_the_field_named(kind: Kind, data: st.DataObject) -> None:
    message = data.draw(messages(kind))
    assert read_command(with_field(message, data.draw(LATER))) == (message, ("later",))
