"""A runtime without a model, and a client on a real socket."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from llmri_protocol.connection import ClientConnection
from llmri_protocol.errors import RemoteProtocolError
from llmri_protocol.messages import (
    AttributionMethod,
    Command,
    Edit,
    Message,
    ModelCard,
    Phase,
    Role,
    ServerMessage,
    SiteCard,
)
from llmri_server.edits import check
from llmri_server.pass_runs import PassLog, Runs, chunks
from llmri_server.runtime import (
    Attributed,
    CapturePlan,
    ChatMessage,
    GivenReply,
    Measured,
    NonFiniteError,
    RepliesRead,
    Rerun,
    Sampling,
    ScanEvent,
    Sink,
    SiteLayers,
    StoppedError,
    TokenEvent,
    TurnOutcome,
)
from llmri_server.runtimes.common.given_replies import activations_one_by_one, read_one_by_one
from tests.server.numpy_model import NumpyModel

M = TypeVar("M", bound=Message)
Connect = Callable[..., "Viewer"]
Eventually = Callable[[Callable[[], bool]], None]
LAYERS, WIDTH, VOCABULARY = 3, 8, 100
END = 0  # the token that ends a replayed reply
STEP = 1e-5  # of the differences that stand for derivatives
PATIENCE = 60.0

CARD = ModelCard(
    name="fake",
    runtime="fake",
    family="fake",
    layers=LAYERS,
    hidden_size=WIDTH,
    heads=2,
    vocabulary=VOCABULARY,
    context=64,
    dtype="f32",
    device="cpu",
    chat=True,
    sites=(
        SiteCard(name="resid_post", width=WIDTH, editable=True, unit="basis direction"),
        SiteCard(name="mlp_act", width=WIDTH, editable=True, unit="MLP neuron"),
    ),
    attributable=True,
    lens=True,
)


class FakeRuntime:
    """Says `words`, a token each, and scans what the plan asks for.

    What is replayed and measured comes from a `NumpyModel`, whose tokens are words. `before_token` runs in
    the model's thread before each token, `before_pass` before each measurement; both may wait or raise.
    """

    card = CARD
    threads = 1

    def __init__(self) -> None:
        self.words = ["one ", "two ", "three"]
        self.plan = CapturePlan()
        self.edits: tuple[Edit, ...] = ()
        self.revision = 0
        self.log = PassLog()
        self.conversations: list[list[ChatMessage]] = []
        self.before_token: Callable[[int], None] = lambda number: None
        self.before_pass: Callable[[], None] = lambda: None
        self.model = NumpyModel(LAYERS, WIDTH, VOCABULARY)
        self.kept: tuple[int, ...] = ()
        self.kept_under: tuple[Edit, ...] = ()
        self.trimmed = 0
        self.width = WIDTH

    def check_edits(self, edits: Sequence[Edit]) -> None:
        check(edits, self.card)

    def apply_edits(self, edits: Sequence[Edit], revision: int = 0) -> None:
        self.edits, self.revision = tuple(edits), revision

    def capture(self, plan: CapturePlan) -> None:
        self.plan = plan

    def generate(
        self, conversation: Sequence[ChatMessage], sampling: Sampling, sink: Sink, stop: threading.Event
    ) -> TurnOutcome:
        self.conversations.append(list(conversation))
        self.kept, self.kept_under = self.prompt_ids(conversation), self.edits
        self.log.turn(0, self.kept)
        self.log.add(self.edits, self.revision, len(self.kept))
        sink.token(TokenEvent(0, "prompt", 1, conversation[-1]["content"]))
        self._scan(sink, 0, "prompt")
        said: list[str] = []
        for number, word in enumerate(self.words, start=1):
            self._before(number)
            revision = self.revision
            if stop.is_set():
                return TurnOutcome("".join(said), len(said), "stopped", self.trimmed)
            self.kept += (number - 1,) if said else ()
            said.append(word)
            sink.token(TokenEvent(number, "generate", number, word, -0.5, 1.0, (), revision))
            self.log.add(self.edits, self.revision, 1)
            self._scan(sink, number, "generate")
        self.kept += (len(self.words),)
        sink.token(TokenEvent(len(self.words) + 1, "generate", 2, "<end>", -0.5, 1.0, (), self.revision))
        return TurnOutcome("".join(said), len(said) + 1, "end", self.trimmed)

    def replay(
        self,
        conversation: Sequence[ChatMessage],
        sampling: Sampling,
        sink: Sink,
        stop: threading.Event,
        edits: Sequence[Edit],
    ) -> TurnOutcome:
        ids = self.prompt_ids(conversation)
        first = len(ids)
        for number, token in enumerate(ids):
            sink.token(TokenEvent(number, "prompt", token, self.text_of(token)))
        rng = np.random.default_rng(sampling.seed)
        for number in range(sampling.max_new_tokens):
            self.before_token(number)
            if stop.is_set() or len(ids) == self.card.context or (number and ids[-1] == END):
                break
            logits = self.measure(ids, [edits], prompt=first).logits[0, 0].astype(np.float64)
            logprobs = logits - np.logaddexp.reduce(logits)
            noise = sampling.temperature * rng.gumbel(size=VOCABULARY)
            token = int((logits + noise).argmax())
            ids = (*ids, token)
            text = self.text_of(token)
            sink.token(TokenEvent(first + number, "generate", token, text, float(logprobs[token]), 1.0))
        said = "".join(map(self.text_of, ids[first:]))
        return TurnOutcome(said, len(ids) - first, "stopped" if stop.is_set() else "length")

    def context(self) -> tuple[int, ...]:
        return self.kept

    def passes(self) -> Runs:
        return self.log.runs

    def rerun(self, request: Rerun) -> None:
        for first, stop, run in chunks(request.runs, len(request.ids), 4):
            self.before_pass()
            if request.stop.is_set():
                raise StoppedError("computing the tokens again was stopped")
            phase: Phase = "prompt" if run.prompt is None or first < run.prompt else "generate"
            for number in range(max(first, request.first), stop):
                for site, layers in request.sites:
                    rows = np.full((len(layers), self.width), number, np.float32)
                    request.take(ScanEvent(number, phase, site, layers, "f32", rows, run.revision))

    def stale(self) -> bool:
        return bool(self.kept) and self.kept_under != self.edits

    def refill(self) -> int:
        self.kept_under = self.edits
        return len(self.kept)

    def prompt_ids(self, conversation: Sequence[ChatMessage]) -> tuple[int, ...]:
        return self.text_ids(" ".join(message["content"] for message in conversation))

    def text_ids(self, text: str) -> tuple[int, ...]:
        return tuple(1 + sum(map(ord, word)) % (VOCABULARY - 1) for word in text.split())

    def text_of(self, token: int) -> str:
        return f"w{token} "

    def texts_of(self, ids: Sequence[int]) -> list[str]:
        return [self.text_of(token) for token in ids]

    def measure(
        self,
        ids: Sequence[int],
        variants: Sequence[Sequence[Edit]],
        *,
        sites: SiteLayers = (),
        logits: int = 1,
        prompt: int | None = None,
    ) -> Measured:
        self.before_pass()
        passes = [self.model.run(ids, edits, prompt) for edits in variants]
        with np.errstate(over="ignore"):
            last = np.array([given[-logits:] for given, _ in passes], dtype=np.float32)
        if not np.isfinite(last).all():
            raise NonFiniteError("the logits are not finite under the edits of `resid_post`, layer 0")
        rows = {
            site: np.array([[seen[site, layer] for layer in layers] for _, seen in passes], dtype=np.float32)
            for site, layers in sites
        }
        return Measured(last, {site: each.swapaxes(1, 2) for site, each in rows.items()})

    def given_reply(self, conversation: Sequence[ChatMessage], reply: str) -> GivenReply:
        return GivenReply(self.prompt_ids(conversation), self.text_ids(reply))

    def greedy_replies(
        self, prompts: Sequence[Sequence[int]], longest: int, edits: Sequence[Edit] = ()
    ) -> list[str]:
        return [self._greedy(tuple(prompt), longest, edits) for prompt in prompts]

    def read_replies(
        self, given: Sequence[GivenReply], edits: Sequence[Edit] = (), *, against: RepliesRead | None = None
    ) -> RepliesRead:
        return read_one_by_one(self, given, edits, against)

    def reply_activations(self, site: str, given: Sequence[GivenReply]) -> npt.NDArray[np.float32]:
        return activations_one_by_one(self, site, given)

    def attribute(
        self,
        ids: Sequence[int],
        site: str,
        layer: int,
        *,
        target: int | None = None,
        method: AttributionMethod = "gradient",
        stop: threading.Event | None = None,  # it takes no time
    ) -> Attributed:
        self.before_pass()
        place = (site, layer)
        logits, seen = self.model.run(ids)
        token = int(logits[-1].argmax()) if target is None else target
        rows = seen[place]

        def logit(moved: npt.NDArray[np.float64]) -> float:
            return float(self.model.run(ids, instead={place: moved})[0][-1, token])

        def slope(at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            steps = STEP * np.eye(rows.size).reshape(-1, *rows.shape)
            rises = [(logit(at + step) - logit(at - step)) / (2 * STEP) for step in steps]
            return np.reshape(rises, rows.shape)

        middles = (np.arange(32) + 0.5) / 32
        gradient = (
            slope(rows) if method == "gradient" else np.mean([slope(a * rows) for a in middles], axis=0)
        )
        values = (gradient * rows).sum(axis=0).astype(np.float32)
        return Attributed(token, float(logits[-1, token]), values)

    def lens(
        self, ids: Sequence[int], edits: Sequence[Edit] = (), *, prompt: int | None = None
    ) -> npt.NDArray[np.float32]:
        self.before_pass()
        _, seen = self.model.run(ids, edits, prompt)
        rows = np.array([seen["resid_post", layer][-1] for layer in range(LAYERS)])
        return self.model.unembedded(rows).astype(np.float32)

    def lenses(
        self, ids: Sequence[int], first: int, edits: Sequence[Edit] = (), *, prompt: int | None = None
    ) -> Iterator[npt.NDArray[np.float32]]:
        self.before_pass()
        _, seen = self.model.run(ids, edits, prompt)
        for position in range(first, len(ids)):
            rows = np.array([seen["resid_post", layer][position] for layer in range(LAYERS)])
            yield self.model.unembedded(rows).astype(np.float32)

    def _greedy(self, prompt: tuple[int, ...], longest: int, edits: Sequence[Edit]) -> str:
        ids = prompt
        while len(ids) < len(prompt) + longest and ids[len(prompt) :][-1:] != (END,):
            ids += (int(self.measure(ids, [edits], prompt=len(prompt)).logits[0, 0].argmax()),)
        return "".join(self.text_of(token) for token in ids[len(prompt) :] if token != END)

    def _before(self, number: int) -> None:
        """Fail as runtimes do, of whose failed turns nothing is kept."""
        try:
            self.before_token(number)
        except BaseException:
            self.kept = ()
            raise

    def _scan(self, sink: Sink, number: int, phase: Phase) -> None:
        if phase == "prompt" and not self.plan.prompt_positions:
            return
        for site, layers in self.plan.sites:
            rows = np.arange(len(layers) * self.width, dtype=np.float32).reshape(len(layers), -1) + number
            sink.scan(ScanEvent(number, phase, site, layers, "f32", rows, self.revision))


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
