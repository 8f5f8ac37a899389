"""A made-up later server of version 2 on a real socket, against today's ways to connect."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import msgpack  # type: ignore[import-untyped]
import numpy as np
import pytest

import llmri
from llmri_client.address import Address
from llmri_client.async_channel import AsyncChannel
from llmri_client.link import ServerLink
from llmri_client.link_status import Link, LinkStatus
from llmri_protocol.messages import Bye, Edits, Notice, Scan, ServerMessage, TurnEnd, Undo, Welcome

EDIT = {"site": "mlp_act", "layer": 0, "units": [1], "op": "scale", "value": 0.0}
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
    "weather": "fine",
    "data": np.array([1, 2], np.float32).tobytes(),
}
WELCOME: dict[str, Any] = {
    "type": "welcome",
    "protocol": 2,
    "session": "later",
    "motto": {"any": [1, {}]},
    "answers": ["ping", "dance"],
    "card": {
        "name": "later",
        "runtime": "later",
        "family": "later",
        "layers": 1,
        "hidden_size": 2,
        "heads": 1,
        "vocabulary": 2,
        "context": 8,
        "dtype": "f8",
        "device": "later",
        "chat": True,
        "experts": 8,
        "sites": [
            {"name": "resid_post", "width": 2, "editable": True, "unit": "dimension", "sparse": False},
            {"name": "router_logits", "width": 8, "editable": False, "unit": "expert"},
        ],
        "protected": [{"site": "resid_post", "layer": 0, "unit": 1, "test": "vibes", "evidence": "none"}],
    },
    "edits": [EDIT | {"op": "swap", "with": 3}],
    "sampling": {"temperature": 0.5, "mirostat": 2},
    "limits": {
        "client_frame": 1 << 20,
        "server_frame": 1 << 20,
        "queue": 1,
        "prompt_positions": 1,
        "tiles": 9,
    },
}
SAID: tuple[dict[str, Any], ...] = (
    {"type": "tile", "id": 1, "level": 3, "data": bytes(1000)},
    {"type": "weather", "sky": [{}, {"a": None}]},
    SCAN,
    SCAN | {"dtype": "f8", "data": b"12"},
    SCAN | {"phase": "dream"},
    SCAN | {"site": "router_logits", "turn": 2},
    {
        "type": "edits",
        "edits": [EDIT, EDIT | {"op": "swap"}, EDIT | {"gate": 1}],
        "revision": 2,
        "undoable": 1,
        "redoable": 0,
        "by": "later",
    },
    {"type": "turn_end", "turn": 1, "reason": "bored", "text": "a", "tokens": 1, "seconds": 0.1, "mood": 1},
    {"type": "bye", "reason": "that was all", "until": 5},
)
PASSED_OVER = {
    "the message `tile`",
    "the message `weather`",
    "a `scan` with `dtype` as `f8`",
    "a `scan` with `phase` as `dream`",
    "the edit `swap` at `mlp_act` in `welcome`",
    "the edit `swap` at `mlp_act` in `edits`",
    "the edit `scale` at `mlp_act` in `edits`",
    "`reason` as `bored` in `turn_end`",
    "`card.dtype` as `f8` in `welcome`",
    "`card.protected[].test` as `vibes` in `welcome`",
}


def frame(message: dict[str, Any]) -> bytes:
    body: bytes = msgpack.packb(message)
    return len(body).to_bytes(4, "big") + body


def received(sock: socket.socket) -> dict[str, Any]:
    def exactly(count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = sock.recv(count - len(data))
            if not piece:
                raise ConnectionError
            data += piece
        return data

    message: dict[str, Any] = msgpack.unpackb(exactly(int.from_bytes(exactly(4), "big")))
    return message


@contextlib.contextmanager
def later_server() -> Iterator[int]:
    """Yield the port of a server that welcomes, answers one command, and says all of `SAID`."""

    def serve(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                hello = received(connection)
                assert (hello["type"], hello["protocol"]) == ("hello", 2)
                connection.sendall(frame(WELCOME))
                command = received(connection)["id"]
                for message in ({"type": "news", "id": command}, *SAID[:-1]):
                    connection.sendall(frame(message))
                connection.sendall(frame({"type": "reply", "id": command, "time": 1.0, "cost": 3}))
                connection.sendall(frame(SAID[-1]))
                with contextlib.suppress(ConnectionError):
                    received(connection)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
    thread.join(10)


@pytest.fixture
def later() -> Iterator[int]:
    with later_server() as port:
        yield port


def check(messages: list[ServerMessage], welcome: Welcome) -> None:
    """Check what today's client makes of it: what it knows, as it is, and nothing else."""
    assert [site.name for site in welcome.card.sites] == ["resid_post", "router_logits"]
    assert (welcome.answers, welcome.sampling.temperature) == (("ping", "dance"), 0.5)
    assert (welcome.edits, welcome.unread) == ((), ("`swap` at `mlp_act`",))
    scans = [message for message in messages if isinstance(message, Scan)]
    assert [(scan.site, np.asarray(scan).tolist()) for scan in scans] == [
        ("resid_post", [[1, 2]]),
        ("router_logits", [[1, 2]]),
    ]
    (edits,) = (message for message in messages if isinstance(message, Edits))
    assert (len(edits.edits), len(edits.unread)) == (1, 2)
    (end,) = (message for message in messages if isinstance(message, TurnEnd))
    assert (end.reason, end.text) == ("end", "a")


def test_a_channel_reads_what_it_knows_and_lives_on(later: int) -> None:
    with llmri.connect(f"127.0.0.1:{later}") as client:
        client.undo()
        messages = list(client)
        assert isinstance(messages[-1], Bye)
        check(messages, client.welcome)
        assert set(client.skipped) == PASSED_OVER | {"the message `news`"}


def test_a_link_says_once_of_each_thing_that_it_is_passed_over(later: int) -> None:
    link = ServerLink(Address(port=later, role="controller"), "test", retry=None)
    link.start()
    try:
        events: list[Any] = []
        while not (events and isinstance(events[-1], LinkStatus) and events[-1].link is Link.REFUSED):
            events.append(link.inbox.get(timeout=30))
            if isinstance(events[-1], Welcome):
                link.send(Undo(id=1))
    finally:
        link.stop()
    assert "that was all" in events[-1].sentence
    (welcome,) = (event for event in events if isinstance(event, Welcome))
    check([event for event in events if not isinstance(event, LinkStatus)], welcome)
    told = [event.message for event in events if isinstance(event, Notice)]
    for what in PASSED_OVER:
        assert sum(what in sentence for sentence in told) == 1, what


def test_an_awaited_channel_does_the_same(later: int) -> None:
    async def talk() -> None:
        channel = await AsyncChannel.open(Address(port=later, role="controller"))
        async with channel:
            await channel.send(Undo(id=1))
            check([message async for message in channel], channel.welcome)
            assert set(channel.skipped) == PASSED_OVER | {"the message `news`"}

    asyncio.run(talk())
