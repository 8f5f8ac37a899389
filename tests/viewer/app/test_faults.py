"""Whatever becomes of the server, the viewer says so and lives on."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import msgspec
import numpy as np
import pytest

from llmri_look.keys.bindings import Bindings
from llmri_protocol.arrays import scan_message
from llmri_protocol.connection import ServerConnection
from llmri_protocol.errors import RemoteProtocolError
from llmri_protocol.messages import (
    Edit,
    Edits,
    Hello,
    Limits,
    ModelCard,
    ServerMessage,
    SiteCard,
    Token,
    TurnStart,
    Welcome,
)
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.options import Options
from llmri_viewer.model.state import Link
from tests.viewer.conftest import STORY_TOLD, Desk
from tests.viewer.synthetic import SyntheticServer

QUICK = Options(retry_first_seconds=0.05, retry_longest_seconds=0.1)
PATIENCE = 20.0


@contextmanager
def at_desk(port: int, table: Bindings, atlas: Atlas | None = None) -> Iterator[Desk]:
    desk = Desk(cast("SyntheticServer", SimpleNamespace(port=port)), QUICK, table, atlas)
    try:
        yield desk
    finally:
        desk.close()


def until(desk: Desk, met: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < limit, desk.state.connection.link
        desk.window.frame()
        time.sleep(0.002)


def lost(desk: Desk) -> None:
    until(desk, lambda: desk.state.connection.link.link is not Link.CONNECTED)


def found(desk: Desk) -> None:
    until(desk, lambda: desk.state.connection.link.link is Link.CONNECTED)


VIEWS = ("h", "o", "f", "n", "a", "k", "v")


def look_around(desk: Desk) -> None:
    """Draw every view, and press keys that must not mind what the model is like."""
    for key in VIEWS:
        desk.play(f"{key} + - 0 up down left right {key}")
    desk.play("9 d d l l m m g g escape")


def test_a_server_that_dies_leaves_its_scans_to_be_looked_at(table: Bindings) -> None:
    with SyntheticServer() as server, at_desk(server.port, table) as desk:
        desk.play(STORY_TOLD)
        shown = desk.state.time.at
        server.close()
        lost(desk)
        assert desk.state.time.at == shown
        look_around(desk)
        desk.play("left")
        assert desk.state.time.at is not None
        assert desk.state.time.at != shown
        assert not desk.state.window.quit


OTHERS = {
    "wider": {"mlp": 700},
    "narrower": {"mlp": 40, "hidden": 8},
    "deeper": {"layers": 20},
    "shallower": {"layers": 2},
    "of one unit": {"layers": 1, "hidden": 1, "mlp": 1},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_a_server_that_comes_back_with_another_model_is_seen_as_it_is(
    other: dict[str, int], table: Bindings, atlas: Atlas
) -> None:
    with SyntheticServer() as server:
        port = server.port
        with at_desk(port, table, atlas) as desk:
            desk.play(f"{STORY_TOLD} 9 click:unit=127 add:unit=500 + + o escape")
            server.close()
            lost(desk)
            with SyntheticServer(port=port, session="two", name="another", **other) as second:  # type: ignore[arg-type]
                found(desk)
                state = desk.state
                assert state.connection.card == second.card
                assert 0 <= state.pane.layer < second.card.layers
                assert (state.selection.units, state.pane.camera, state.time.at) == (
                    frozenset(),
                    None,
                    None,
                )
                if "layers" in other and other["layers"] > server.card.layers:  # their units are there, too
                    assert "the clusters were made from pocket" in state.overlays.notice
                else:
                    assert state.atlas is None
                    assert "the clusters stay hidden" in state.overlays.notice
                assert not desk.session.store.turns
                desk.play('say:"hello" wait:turn_end')
                look_around(desk)
                desk.play("click:unit=0 b wait:edits")
                assert desk.state.selection.units == {(desk.state.pane.layer, 0)}


def test_a_server_that_comes_back_without_its_turns_says_that_they_are_gone(table: Bindings) -> None:
    with SyntheticServer() as server:
        port = server.port
        with at_desk(port, table) as desk:
            desk.play(f'{STORY_TOLD} say:"Another." wait:turn_end')
            server.close()
            lost(desk)
            with SyntheticServer(port=port, session="two"):
                found(desk)
                assert (
                    desk.state.overlays.notice
                    == "the server began a new session: 2 turns of the last one are gone"
                )
                assert desk.state.overlays.warning


def test_a_server_that_comes_back_without_the_shown_site_shows_another(table: Bindings) -> None:
    with SyntheticServer() as server:
        port = server.port
        with at_desk(port, table) as desk:
            desk.play(STORY_TOLD)
            server.close()
            lost(desk)
            second = SyntheticServer(port=port, session="two")
            bare = (SiteCard(name="resid_post", width=64, editable=True, unit="residual dimension"),)
            second.card = msgspec.structs.replace(
                second.card, sites=bare, default_site="resid_post", default_layer=99
            )
            with second:
                found(desk)
                assert desk.state.pane.site == "resid_post"
                assert "has no site mlp_act" in desk.state.overlays.notice
                assert desk.state.pane.layer < second.card.layers
                look_around(desk)


CARD = ModelCard(
    name="small", runtime="none", family="llama", layers=4, hidden_size=8, heads=2, vocabulary=16, context=64,
    dtype="f32", device="cpu", chat=True, default_site="mlp_act", default_layer=1,
    sites=(SiteCard(name="mlp_act", width=32, editable=True, unit="MLP neuron"),),
)  # fmt: skip


@dataclass
class RawServer:
    """Welcomes whoever calls, and then sends what it is told to, sense or not."""

    card: ModelCard = CARD
    callers: list[socket.socket] = field(default_factory=list)
    talks: list[ServerConnection] = field(default_factory=list)

    def __enter__(self) -> "RawServer":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for sock in self.callers:
            sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._greet, args=(sock,), daemon=True).start()

    def _greet(self, sock: socket.socket) -> None:
        talk = ServerConnection()
        with contextlib.suppress(OSError):
            while count := sock.recv_into(talk.buffer()):
                for event in talk.advance(count):
                    if isinstance(event, Hello):
                        limits = Limits(
                            client_frame=1 << 20, server_frame=256 << 20, queue=64, prompt_positions=9
                        )
                        welcome = Welcome(protocol=2, session="raw", card=self.card, edits=(), limits=limits)
                        for buffer in talk.send(welcome):
                            sock.sendall(buffer)
                        self.talks.append(talk)
                        self.callers.append(sock)
                    assert not isinstance(event, RemoteProtocolError)

    def send(self, message: ServerMessage) -> None:
        for buffer in self.talks[-1].send(message):
            self.callers[-1].sendall(buffer)

    def send_bytes(self, data: bytes) -> None:
        self.callers[-1].sendall(data)


def frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


GARBAGE = {
    "a length over the limit": b"\xff\xff\xff\xff and so on",
    "no MessagePack": frame(b"\xc1\xc1\xc1\xc1"),
    "an unknown type": frame(msgspec.msgpack.encode({"type": "surprise"})),
    "a token without fields": frame(msgspec.msgpack.encode({"type": "token"})),
    "a list": frame(msgspec.msgpack.encode([1, 2, 3])),
    "an empty body": frame(b""),
    "the plain dialect": frame(b'{"type":"scan"}'),
    "text": b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_a_notice_and_the_viewer_lives_on(data: bytes, table: Bindings) -> None:
    with RawServer() as server, at_desk(server.port, table) as desk:
        found(desk)
        until(desk, lambda: bool(server.callers))
        server.send_bytes(data)
        said: list[str] = []

        def told() -> bool:
            said.extend([desk.state.overlays.notice, desk.state.connection.link.sentence])
            return any(word in sentence for sentence in said for word in ("odd", "understood", "passes over"))

        until(desk, told)
        found(desk)
        server.send(TurnStart(turn=1, prompt="still there?", time=0.0))
        until(desk, lambda: 1 in desk.session.store.turns)
        assert not desk.state.window.quit


def scan(
    layers: tuple[int, ...] = (0, 1, 2, 3), width: int = 32, site: str = "mlp_act", token: int = 0
) -> ServerMessage:
    rows = np.full((len(layers), width), np.nan, np.float32)
    return scan_message(
        rows, "f32", turn=1, token=token, phase="generate", site=site, layers=layers, time=0.0
    )


IMPOSSIBLE = {
    "another width": scan(width=33),
    "layers beyond the last": scan(layers=(2, 3, 4)),
    "a layer twice": scan(layers=(1, 1)),
    "a site that is not there": scan(site="z"),
    "a token far beyond": scan(token=1 << 50),
    "text far beyond": Token(turn=1, token=1 << 50, phase="generate", id=1, text="x"),
    "an edit of a unit beyond": Edits(
        edits=(Edit(site="mlp_act", layer=1, units=(32,), op="scale", value=0.0),),
        revision=1,
        undoable=1,
        redoable=0,
        by="x",
    ),
    "an edit of a layer beyond": Edits(
        edits=(Edit(site="mlp_act", layer=4, units=(3,), op="scale", value=0.0),),
        revision=1,
        undoable=1,
        redoable=0,
        by="x",
    ),
}


@pytest.mark.parametrize("message", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_what_cannot_be_of_this_model_is_left_out_and_said(message: ServerMessage, table: Bindings) -> None:
    with RawServer() as server, at_desk(server.port, table) as desk:
        found(desk)
        until(desk, lambda: bool(server.callers))
        server.send(message)
        until(desk, lambda: "something odd" in desk.state.overlays.notice)
        assert desk.state.time.at is None
        assert not desk.state.editing.standing.edits
        look_around(desk)


def test_scans_of_nothing_but_nan_are_drawn(table: Bindings) -> None:
    with RawServer() as server, at_desk(server.port, table) as desk:
        found(desk)
        until(desk, lambda: bool(server.callers))
        for token in range(4):
            server.send(scan(token=token))
        until(desk, lambda: desk.state.time.at is not None)
        look_around(desk)


@pytest.mark.parametrize("change", [{"layers": 0}, {"layers": 1 << 40}, {"sites": ()}], ids=str)
def test_a_model_that_cannot_be_is_no_end_of_the_viewer(change: dict[str, object], table: Bindings) -> None:
    with RawServer() as server:
        server.card = msgspec.structs.replace(server.card, **change)
        with at_desk(server.port, table) as desk:
            until(desk, lambda: bool(server.callers))
            for _ in range(20):
                desk.window.frame()
                time.sleep(0.002)
            look_around(desk)
            assert not desk.state.window.quit


def test_what_never_was_a_server_of_ours_ends_the_waiting(table: Bindings) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, at_desk(listener.getsockname()[1], table) as desk:
        sock, _ = listener.accept()
        sock.sendall(GARBAGE["text"] * 8)
        until(desk, lambda: desk.state.connection.link.link is Link.REFUSED)
        desk.window.draw()
        assert "No connection" in [text.text for text in desk.window.canvas.written]
        sock.close()
