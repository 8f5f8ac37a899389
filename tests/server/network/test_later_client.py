"""A made-up later client of version 2 on a real socket, against today's server; and other versions'."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmri_server import Server
from tests.client.test_later_server import frame, received

Answers = Callable[[dict[str, Any]], dict[str, Any]]
EDIT = {"site": "resid_post", "layer": 0, "units": [1], "value": 0.5}


@pytest.fixture
def ask(server: Server) -> Iterator[Answers]:
    """Yield a function that sends a command and returns its `reply` or `error`."""
    with socket.create_connection(server.address, timeout=60) as sock:
        sock.sendall(
            frame({"type": "hello", "protocol": 2, "client": "later", "role": "controller", "os": 1})
        )
        assert received(sock)["type"] == "welcome"

        def answer(command: dict[str, Any]) -> dict[str, Any]:
            sock.sendall(frame(command))
            while True:
                message = received(sock)
                if message["type"] in ("reply", "error") and message["id"] == command["id"]:
                    return message

        yield answer


def test_unknown_fields_are_skipped_and_named(ask: Answers) -> None:
    assert ask({"type": "ping", "id": 1})["skipped"] == []
    assert ask({"type": "ping", "id": 2, "mood": {"a": [1]}, "why": None})["skipped"] == ["mood", "why"]
    assert ask({"type": "ping", "id": 2})["skipped"] == []
    chat = {"type": "chat", "id": 3, "text": "hi", "sampling": {"mirostat": 2}, "voice": "low"}
    reply = ask(chat)
    assert reply["turn"] == 1
    assert set(reply["skipped"]) == {"sampling.mirostat", "voice"}


@pytest.mark.parametrize(
    ("command", "code", "named"),
    [
        ({"type": "dance"}, "unknown_type", "dance"),
        ({"type": "subscribe", "sites": ["resid_post"], "dtype": "f8"}, "bad_field", "f8"),
        ({"type": "subscribe", "sites": ["router_logits"]}, "bad_subscription", "router_logits"),
        ({"type": "attribute", "site": "resid_post", "layer": 0, "method": "lrp"}, "bad_field", "lrp"),
        ({"type": "intervene", "edits": [EDIT | {"op": "swap"}]}, "bad_field", "swap"),
        ({"type": "intervene", "edits": [EDIT | {"gate": 1}]}, "bad_field", "gate"),
        ({"type": "intervene", "edits": [EDIT | {"positions": "odd"}]}, "bad_field", "odd"),
        ({"type": "playback", "state": "paused"}, "unsupported", "playback"),
    ],
)
def test_what_is_not_known_is_an_error_with_its_id_and_the_connection_lives_on(
    server: Server, ask: Answers, command: dict[str, Any], code: str, named: str
) -> None:
    error = ask(command | {"id": 9})
    assert (error["type"], error["code"]) == ("error", code)
    assert named in error["message"]
    assert server.journal.state.edits == ()
    assert ask({"type": "ping", "id": 10})["type"] == "reply"


@pytest.mark.parametrize("version", [1, 3])
def test_a_client_of_another_version_is_told_both_numbers(server: Server, version: int) -> None:
    with socket.create_connection(server.address, timeout=60) as sock:
        hello = {"type": "hello", "protocol": version, "client": "x", "role": "viewer", "token": None}
        sock.sendall(frame(hello))
        error = received(sock)
        assert error["code"] == "version"
        assert f"speaks protocol {version}, this end speaks 2" in error["message"]
        assert sock.recv(1) == b""
