"""A server that speaks the protocol and thinks nothing: smooth noise for scans, fixed words for tokens."""

import contextlib
import math
import socket
import threading
import time
from collections.abc import Callable
from functools import cache
from types import TracebackType

import numpy as np

from llmri_protocol.arrays import scan_message
from llmri_protocol.connection import ServerConnection
from llmri_protocol.errors import RemoteProtocolError
from llmri_protocol.messages import (
    Candidate,
    Chat,
    ClearInterventions,
    Compare,
    Edit,
    Edits,
    Error,
    Hello,
    Intervene,
    Limits,
    MeasureInfluence,
    ModelCard,
    Ping,
    Progress,
    ReadLens,
    Redo,
    Reply,
    ServerMessage,
    SiteCard,
    Stop,
    Subscribe,
    Token,
    TurnEnd,
    TurnStart,
    Undo,
    Welcome,
)
from tests.viewer import measured

STORY = (
    " Once", " upon", " a", " time", ",", " a", " small", " fox", " named", " Pip", " found", " a",
    " silver", " key", " under", " the", " old", " oak", ".", "\n", "He", " tried", " it", " on",
    " every", " door", " in", " the", " village", ",", " and", " the", " last", " one", " opened", ".",
)  # fmt: skip


@cache
def _noise(layers: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return amplitudes, speeds and phases of the units, stronger in later layers."""
    rng = np.random.default_rng([layers, width])
    growth = np.linspace(0.4, 1.6, layers)[:, None]
    base = np.asarray(rng.standard_t(4, size=(layers, width)) * growth, np.float32)
    drift = rng.uniform(0.05, 0.9, size=(1, width)).astype(np.float32)
    return base, drift, rng.uniform(0, 2 * math.pi, size=(layers, width)).astype(np.float32)


class SyntheticServer:
    """Listens on a free port of this machine; `with` starts and ends it."""

    def __init__(
        self,
        *,
        layers: int = 8,
        hidden: int = 192,
        mlp: int = 512,
        story: tuple[str, ...] = STORY,
        token: str | None = None,
        name: str = "pocket",
        session: str = "one",
        port: int = 0,
        lens: bool = True,
    ) -> None:
        self.story = story
        self.story_told = False
        self.received: list[object] = []
        self.edits: list[tuple[Edit, ...]] = [()]
        self.undone: list[tuple[Edit, ...]] = []
        self.refuse: str | None = None
        self.holding = False  # whether measurements are never answered
        self.card = ModelCard(
            name=name, runtime="synthetic", family="llama", layers=layers, hidden_size=hidden, heads=8,
            vocabulary=768, context=512, dtype="f32", device="cpu", chat=True,
            sites=(
                SiteCard(name="resid_post", width=hidden, editable=True, unit="residual dimension"),
                SiteCard(name="mlp_act", width=mlp, editable=True, unit="MLP neuron"),
                SiteCard(name="attn_out", width=hidden, editable=False, unit="residual dimension"),
            ),
            default_site="mlp_act", default_layer=4, lens=lens,
        )  # fmt: skip
        self._session = session
        self._token = token
        self._turn = 0
        self._revision = 0
        self._connections: list[tuple[socket.socket, ServerConnection, threading.Lock]] = []
        self._sites: dict[int, tuple[str, ...]] = {}
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "SyntheticServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, and hang up on everybody."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        self._thread.join(2)

    def hang_up(self) -> None:
        """Cut every connection."""
        for sock, _, _ in self._connections:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self._connections.clear()

    def broadcast(self, message: ServerMessage) -> None:
        """Send a message to everybody."""
        for sock, connection, lock in list(self._connections):
            if connection.state == "open":
                try:
                    with lock:
                        for buffer in connection.send(message):
                            sock.sendall(buffer)
                except OSError:
                    pass

    def speak(self, prompt: str = "Tell me a story about a fox.") -> int:
        """Hold one turn: read the prompt, write the story; give its number."""
        self._turn += 1
        self.story_told = True
        turn = self._turn
        self.broadcast(TurnStart(turn=turn, prompt=prompt, time=time.time()))
        words = ["<|user|>", *(f" {w}" if i else w for i, w in enumerate(prompt.split())), "<|assistant|>"]
        for number, word in enumerate(words):
            self.broadcast(Token(turn=turn, token=number, phase="prompt", id=number, text=word))
        for number in range(len(words)):
            self._scan(turn, number, "prompt")
        for step, word in enumerate(self.story):
            number = len(words) + step
            self.broadcast(self._chosen(turn, number, word, step))
            if step < len(self.story) - 1:
                self._scan(turn, number, "generate")
        self.broadcast(
            TurnEnd(turn=turn, reason="end", text="".join(self.story), tokens=len(self.story), seconds=1.0)
        )
        return turn

    def rows(self, turn: int, token: int, site: str) -> np.ndarray:
        """Return what a scan shows, `[layers, width]`: heavy tails, drifting slowly with the tokens."""
        width = next(card.width for card in self.card.sites if card.name == site)
        layers = self.card.layers
        base, drift, phase = _noise(layers, width)
        rows = base * np.sin(phase + drift * np.float32(token + 3 * turn))
        for edit in self.edits[-1]:
            if edit.site == site:
                rows[edit.layer, list(edit.units)] *= edit.value
        return rows

    def _scan(self, turn: int, token: int, phase: str) -> None:
        for site in {site for sites in self._sites.values() for site in sites}:
            self.broadcast(
                scan_message(
                    self.rows(turn, token, site), "f32", turn=turn, token=token, phase=phase,  # type: ignore[arg-type]
                    site=site, layers=tuple(range(self.card.layers)), time=time.time(),
                )
            )  # fmt: skip

    def _chosen(self, turn: int, number: int, word: str, step: int) -> Token:
        share = (0.97, 0.64, 0.18, 0.88, 0.4)[step % 5]
        others = [w for w in dict.fromkeys(self.story) if w != word][step % 7 :][:9]
        left, top = 1 - share, [(word, share)]
        for other in others:
            left *= 0.55
            top.append((other, left * 0.8))
        top.sort(key=lambda pair: -pair[1])
        ids = {text: 100 + abs(hash(text)) % 600 for text, _ in top} | {word: 99}
        return Token(
            turn=turn, token=number, phase="generate", id=99, text=word, logprob=math.log(share), entropy=1.2,
            top=tuple(Candidate(id=ids[text], text=text, logprob=math.log(p)) for text, p in top),
        )  # fmt: skip

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        connection = ServerConnection(access_token=self._token)
        lock = threading.Lock()
        self._connections.append((sock, connection, lock))

        def answer(message: ServerMessage) -> None:
            with lock:
                for buffer in connection.send(message):
                    sock.sendall(buffer)

        try:
            while count := sock.recv_into(connection.buffer()):
                for event in connection.advance(count):
                    if isinstance(event, RemoteProtocolError):
                        answer(event.answer())
                        if event.fatal:
                            return
                    else:
                        self.received.append(event)
                        self._handle(event, answer, id(sock))
        except OSError:
            pass
        finally:
            sock.close()

    def _handle(self, event, answer, who) -> None:  # type: ignore[no-untyped-def]  # noqa: C901 - a case each
        if isinstance(event, Hello):
            limits = Limits(client_frame=1 << 20, server_frame=256 << 20, queue=64, prompt_positions=256)
            answer(
                Welcome(
                    protocol=2, session=self._session, card=self.card, edits=self.edits[-1], limits=limits
                )
            )
            return
        if self.refuse is not None and not isinstance(event, Ping | Subscribe):
            answer(Error(code="refused", message=self.refuse, id=event.id))
            return
        if isinstance(event, MeasureInfluence | Compare | ReadLens):
            self._measure(event, answer)
            return
        turn = self._turn + 1 if isinstance(event, Chat) else None
        answer(Reply(id=event.id, turn=turn, time=time.time()))
        if isinstance(event, Stop) and event.command is not None:
            answer(Error(code="stopped", message="the measurement was stopped", id=event.command))
        match event:
            case Subscribe():
                self._sites[who] = event.sites
            case Chat():
                threading.Thread(target=self.speak, args=(event.text,), daemon=True).start()
            case Intervene():
                new = {(edit.site, edit.layer, unit) for edit in event.edits for unit in edit.units}
                kept = [edit for edit in self.edits[-1] if (edit.site, edit.layer, edit.units[0]) not in new]
                self._change((*kept, *event.edits))
            case ClearInterventions():
                self._change(())
            case Undo() if len(self.edits) > 1:
                self.undone.append(self.edits.pop())
                self._tell()
            case Redo() if self.undone:
                self.edits.append(self.undone.pop())
                self._tell()

    def _measure(self, event: MeasureInfluence | Compare | ReadLens, answer: Callable[..., None]) -> None:
        """Tell of the half of it, then answer, unless all measurements are held."""
        answer(Progress(id=event.id, done=1, total=2, what="reading both ways"))
        if self.holding:
            return
        match event:
            case MeasureInfluence():
                answer(measured.influence(self.card, event))
            case Compare():
                answer(measured.comparison(event.id, "Tell me about a fox.", self.story, self.edits[-1]))
            case ReadLens():
                answer(measured.lens(self.card, event))
        answer(Reply(id=event.id, time=time.time()))

    def _change(self, edits: tuple[Edit, ...]) -> None:
        self.edits.append(edits)
        self.undone.clear()
        self._tell()

    def _tell(self) -> None:
        self._revision += 1
        self.broadcast(
            Edits(
                edits=self.edits[-1], revision=self._revision, undoable=len(self.edits) - 1,
                redoable=len(self.undone), by="llmri view",
            )
        )  # fmt: skip
