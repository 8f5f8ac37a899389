"""A runtime without a model, and a client on a real socket."""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from llmri_protocol.connection import ClientConnection
from llmri_protocol.errors import RemoteProtocolError
from llmri_protocol.messages import Command, Edit, Message, ModelCard, Phase, Role, ServerMessage, SiteCard
from llmri_server.edits import check
from llmri_server.runtime import (
    CapturePlan,
    ChatMessage,
    Outcome,
    Sampling,
    ScanEvent,
    Sink,
    TokenEvent,
)

M = TypeVar("M", bound=Message)
Connect = Callable[..., "Viewer"]
Eventually = Callable[[Callable[[], bool]], None]
LAYERS, WIDTH = 3, 8
PATIENCE = 60.0

CARD = ModelCard(
    name="fake",
    runtime="fake",
    family="fake",
    layers=LAYERS,
    hidden_size=WIDTH,
    heads=2,
    vocabulary=100,
    context=64,
    dtype="f32",
    device="cpu",
    chat=True,
    sites=(
        SiteCard(name="resid_post", width=WIDTH, editable=True, unit="basis direction"),
        SiteCard(name="mlp_act", width=WIDTH, editable=True, unit="MLP neuron"),
    ),
)


class FakeRuntime:
    """Says `words`, a token each, and scans what the plan asks for.

    `before_token` runs in the model's thread before each token, and may wait or raise.
    """

    card = CARD

    def __init__(self) -> None:
        self.words = ["one ", "two ", "three"]
        self.plan = CapturePlan()
        self.edits: tuple[Edit, ...] = ()
        self.conversations: list[list[ChatMessage]] = []
        self.before_token: Callable[[int], None] = lambda number: None
        self.trimmed = 0
        self.width = WIDTH

    def check_edits(self, edits: Sequence[Edit]) -> None:
        check(edits, self.card)

    def apply_edits(self, edits: Sequence[Edit]) -> None:
        self.edits = tuple(edits)

    def capture(self, plan: CapturePlan) -> None:
        self.plan = plan

    def generate(
        self, conversation: Sequence[ChatMessage], sampling: Sampling, sink: Sink, stop: threading.Event
    ) -> Outcome:
        self.conversations.append(list(conversation))
        sink.token(TokenEvent(0, "prompt", 1, conversation[-1]["content"]))
        self._scan(sink, 0, "prompt")
        said: list[str] = []
        for number, word in enumerate(self.words, start=1):
            self.before_token(number)
            if stop.is_set():
                return Outcome("".join(said), len(said), "stopped", self.trimmed)
            said.append(word)
            sink.token(TokenEvent(number, "generate", number, word, -0.5, 1.0))
            self._scan(sink, number, "generate")
        sink.token(TokenEvent(len(self.words) + 1, "generate", 2, "<end>", -0.5, 1.0))
        return Outcome("".join(said), len(said) + 1, "end", self.trimmed)

    def _scan(self, sink: Sink, number: int, phase: Phase) -> None:
        if phase == "prompt" and not self.plan.prompt_positions:
            return
        for site, layers in self.plan.sites:
            rows = np.arange(len(layers) * self.width, dtype=np.float32).reshape(len(layers), -1) + number
            sink.scan(ScanEvent(number, phase, site, layers, "f32", rows))


class Viewer:
    """A client on a real socket that speaks the native dialect."""

    def __init__(self, address: tuple[str, int], role: Role = "controller", token: str | None = None) -> None:
        self.socket = socket.create_connection(address, timeout=PATIENCE)
        self.connection = ClientConnection()
        self.came: list[ServerMessage] = []
        self.ids = 0
        for buffer in self.connection.hello("test", role, token):
            self.socket.sendall(buffer)

    def receive(self) -> ServerMessage:
        while not self.came:
            count = self.socket.recv_into(self.connection.buffer())
            if not count:
                raise EOFError
            for event in self.connection.advance(count):
                assert not isinstance(event, RemoteProtocolError), event.message
                self.came.append(event)
        return self.came.pop(0)

    def expect(self, kind: type[M]) -> M:
        """Receive one message, which is of this kind."""
        message = self.receive()
        assert isinstance(message, kind), message
        return message

    def until(self, kind: type[ServerMessage]) -> list[ServerMessage]:
        """Receive up to a message of this kind, and give all of them."""
        messages = [self.receive()]
        while not isinstance(messages[-1], kind):
            messages.append(self.receive())
        return messages

    def last(self, kind: type[M]) -> M:
        """Receive up to a message of this kind, and give it."""
        while not isinstance(message := self.receive(), kind):
            pass
        return message

    def tell(self, kind: type[Command], **fields: Any) -> int:
        """Send a command; give its id."""
        self.ids += 1
        for buffer in self.connection.send(kind(id=self.ids, **fields)):
            self.socket.sendall(buffer)
        return self.ids

    def close(self) -> None:
        self.socket.close()


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something that other threads bring about is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.005)
