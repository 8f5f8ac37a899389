"""The conversation, and the one thread that touches the model."""

import sys
import threading
import time
import traceback
from collections import deque

from llmri_protocol.messages import Notice, Token, TurnEnd, TurnStart
from llmri_server.hub import Hub
from llmri_server.runtime import ChatMessage, Outcome, Runtime, Sampling, ScanEvent, TokenEvent
from llmri_server.scans import SharedScan
from llmri_server.turns import Turn


class TooManyTurnsError(RuntimeError):
    """Too many turns wait already; the message gives both numbers."""


class ClosedError(RuntimeError):
    """The session takes no more turns."""


class Session:
    """Queues turns, runs them one after another, and announces what happens.

    Args:
        runtime: The model; only this session's thread calls its `generate`.
        hub: Where everything is announced.
        sampling: How every turn's tokens are chosen; a turn depends on the conversation and edits only.
        system: The system message in front of every conversation, if any.
        most_queued: How many turns may wait.
    """

    def __init__(
        self, runtime: Runtime, hub: Hub, sampling: Sampling, system: str | None, most_queued: int
    ) -> None:
        self._runtime = runtime
        self._hub = hub
        self._sampling = sampling
        self._system: list[ChatMessage] = [ChatMessage(role="system", content=system)] if system else []
        self._most_queued = most_queued
        self._history: list[ChatMessage] = []
        self._changed = threading.Condition()
        self._waiting: deque[Turn] = deque()
        self._current: Turn | None = None
        self._numbers = 0
        self._closed = False
        # A daemon: a forward pass can't be broken off, and must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="llmri-model", daemon=True)

    def start(self) -> None:
        """Start the model's thread."""
        self._thread.start()

    def submit(self, text: str, *, new: bool = False) -> Turn:
        """Queue a turn; it has its number from now on.

        Raises:
            TooManyTurnsError: The queue is full.
            ClosedError: The server is ending.
        """
        with self._changed:
            if self._closed:
                raise ClosedError("the server is ending and takes no more turns")
            if len(self._waiting) >= self._most_queued:
                raise TooManyTurnsError(
                    f"{len(self._waiting)} turns wait already, at most {self._most_queued} may; try later"
                )
            self._numbers += 1
            turn = Turn(self._numbers, text, new)
            self._waiting.append(turn)
            self._changed.notify_all()
            return turn

    def stop(self) -> None:
        """End the reply being generated; where none has begun yet, the next one."""
        with self._changed:
            turn = self._current or (self._waiting[0] if self._waiting else None)
            if turn:
                turn.stop.set()

    def drain(self) -> None:
        """Wait until every turn accepted so far has ended, or the session is closed."""
        with self._changed:
            while (self._waiting or self._current) and not self._closed:
                self._changed.wait()

    def close(self, timeout: float) -> bool:
        """Stop everything; give whether the model's thread ended within `timeout` seconds."""
        with self._changed:
            self._closed = True
            if self._current:
                self._current.stop.set()
            abandoned, self._waiting = self._waiting, deque()
            self._changed.notify_all()
        for turn in abandoned:
            turn.finish(None, "the server ended before this turn began")
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (turn := self._next()) is not None:
            self._take(turn)
            with self._changed:
                self._current = None
                self._changed.notify_all()

    def _next(self) -> Turn | None:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            self._current = self._waiting.popleft() if self._waiting else None
            return self._current

    def _take(self, turn: Turn) -> None:
        """Run one turn from its start to its end, whatever happens in between."""
        if turn.new:
            self._history.clear()
        asked = ChatMessage(role="user", content=turn.text)
        conversation = [*self._system, *self._history, asked]
        started = time.time()
        clock = time.perf_counter()
        new = not self._history
        self._hub.tell(TurnStart(turn=turn.number, prompt=turn.text, new=new, time=started))
        failure = None
        try:
            sink = _Announcer(self._hub, turn)
            outcome = self._runtime.generate(conversation, self._sampling, sink, turn.stop)
        except Exception as error:
            failure = f"turn {turn.number} failed: {type(error).__name__}: {error}"
            outcome = Outcome(text="", tokens=0, reason="error")
            traceback.print_exc(file=sys.stderr)
            self._hub.tell(Notice(level="warning", message=failure))
        else:
            self._remember(asked, outcome)
        self._end(turn, outcome, time.perf_counter() - clock)
        turn.finish(None if failure else outcome, failure)

    def _end(self, turn: Turn, outcome: Outcome, seconds: float) -> None:
        if outcome.trimmed:
            self._hub.tell(
                Notice(
                    level="info",
                    message=f"the conversation is too long for the model: its {outcome.trimmed} oldest "
                    f"messages were left out of turn {turn.number}",
                )
            )
        self._hub.tell(
            TurnEnd(
                turn=turn.number,
                reason=outcome.reason,
                text=outcome.text,
                tokens=outcome.tokens,
                seconds=seconds,
            )
        )

    def _remember(self, asked: ChatMessage, outcome: Outcome) -> None:
        """Keep a turn for the next ones' context, unless it failed or was stopped before it said anything."""
        if outcome.reason == "error" or (outcome.reason == "stopped" and not outcome.text):
            return
        self._history += [asked, ChatMessage(role="assistant", content=outcome.text)]


class _Announcer:
    """Turns what the runtime reports into messages, on the model's thread."""

    def __init__(self, hub: Hub, turn: Turn) -> None:
        self._hub = hub
        self._turn = turn

    def token(self, event: TokenEvent) -> None:
        """Announce a token."""
        if event.phase == "generate":
            self._turn.add_piece(event.text)
        self._hub.tell(
            Token(
                turn=self._turn.number,
                token=event.number,
                phase=event.phase,
                id=event.id,
                text=event.text,
                logprob=event.logprob,
                entropy=event.entropy,
                top=event.top,
            )
        )

    def scan(self, event: ScanEvent) -> None:
        """Hand a scan to whoever wants it."""
        self._hub.scan(SharedScan(self._turn.number, time.time(), event))
