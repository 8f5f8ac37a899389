"""The one thread that touches the model, and what waits for it."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from llmri_protocol.messages import Chat, Notice, Reply, Stop, TurnEnd, TurnStart
from llmri_server.broadcast.hub import Hub
from llmri_server.broadcast.outbox import Outbox
from llmri_server.network.threads import GuardedThread, described
from llmri_server.runtime import ChatMessage, Runtime, Sampling, StoppedError
from llmri_server.service.client_tasks import ClientTask
from llmri_server.service.conversation import Conversation
from llmri_server.service.handlers import Caller, Handlers
from llmri_server.service.sayings import said, sampled
from llmri_server.service.turns import PendingTurn

log = logging.getLogger(__name__)


class TooManyTurnsError(RuntimeError):
    """Too many turns or measurements wait already; the message gives both numbers."""


class ClosedError(RuntimeError):
    """The worker takes no more turns."""


class Idle(Protocol):
    """Work for the model's thread while nothing waits for it, a piece at a time."""

    @property
    def more(self) -> bool:
        """Whether there is a piece left."""
        ...

    def run(self) -> None:
        """Do the next piece; never raises."""
        ...


class ModelWorker:
    """Queues turns and tasks, and runs them one after another in the order in which they came.

    Args:
        runtime: The model; only this worker's thread calls what computes.
        hub: Where turns are announced.
        sampling: How every turn's tokens are chosen.
        system: The system message in front of every conversation, if any.
        most_queued: How many turns may wait, and how many tasks.
        announce_edits: As `Conversation` takes it.
        failed: Is called with why, where the model's thread ended by an error.

    Attributes:
        conversation: What was said; for tasks, on the model's thread.
    """

    def __init__(
        self,
        runtime: Runtime,
        hub: Hub,
        sampling: Sampling,
        system: str | None,
        most_queued: int,
        *,
        announce_edits: Callable[[], None] = lambda: None,
        failed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._hub = hub
        self.conversation = Conversation(runtime, hub, sampling, system, announce_edits)
        self._most_queued = most_queued
        self._changed = threading.Condition()
        self._waiting: deque[PendingTurn | ClientTask] = deque()
        self._current: PendingTurn | ClientTask | None = None
        self._numbers = 0
        self._closed = False
        self._idle: Idle | None = None
        # A daemon: a forward pass can't be broken off, and must not keep the process alive.
        self._failed = failed
        self._thread = GuardedThread("llmri-model", self._run, self._broken)

    def register(self, handlers: Handlers, stop: Callable[[], object]) -> None:
        """Handle what is said, and what ends it.

        Args:
            handlers: The table.
            stop: Ends what goes on and is nobody's own: a reply, or else the search for protected units.
        """

        def chat(caller: Caller, command: Chat) -> Reply:
            messages = None if command.messages is None else said(command.messages)
            turn = self.submit(
                messages[-1]["content"] if messages else command.text or "",
                new=command.new,
                messages=messages,
                sampling=sampled(self.conversation.sampling, command.sampling),
                client=command.client or caller.name,
            )
            return Reply(id=command.id, turn=turn.number, time=time.time())

        def end(caller: Caller, command: Stop) -> None:
            if command.command is None:
                stop()
            else:
                self.stop_tasks(caller.member.outbox, command.command)

        handlers.add(Chat, chat)
        handlers.add(Stop, end)

    def start(self, idle: Idle | None = None) -> None:
        """Start the model's thread; `idle` is done while nothing waits, and whatever comes goes before it."""
        self._idle = idle
        self._thread.start()

    def submit(
        self,
        text: str,
        *,
        new: bool = False,
        messages: tuple[ChatMessage, ...] | None = None,
        sampling: Sampling | None = None,
        client: str = "",
    ) -> PendingTurn:
        """Queue a turn; it has its number from now on.

        Args:
            text: What is said.
            new: Forget the conversation so far first.
            messages: The whole conversation, `text` being its last message, in place of the present one.
            sampling: How the reply is chosen; None as always.
            client: Who says it.

        Raises:
            TooManyTurnsError: The queue is full.
            ClosedError: The server is ending.
        """
        with self._changed:
            self._check_room(PendingTurn, "turns")
            self._numbers += 1
            turn = PendingTurn(self._numbers, text, new, messages, sampling, client)
            self._queue(turn)
            return turn

    def submit_task(self, task: ClientTask) -> None:
        """Queue a task.

        Raises:
            TooManyTurnsError: The queue is full.
            ClosedError: The server is ending.
        """
        with self._changed:
            self._check_room(ClientTask, "measurements")
            self._queue(task)

    def stop(self) -> bool:
        """End the reply being generated; where none has begun yet, the next one; is there one?"""
        with self._changed:
            turn = next(
                (job for job in (self._current, *self._waiting) if isinstance(job, PendingTurn)), None
            )
            if turn:
                turn.stop.set()
            return turn is not None

    def stop_tasks(self, outbox: Outbox, command: int | None = None) -> None:
        """End a client's task with this command's id, or all of its tasks, running or waiting."""

        def meant(job: PendingTurn | ClientTask | None) -> bool:
            return isinstance(job, ClientTask) and job.outbox is outbox and command in (None, job.command)

        with self._changed:
            if isinstance(self._current, ClientTask) and meant(self._current):
                self._current.stop.set()
            ended = [job for job in self._waiting if isinstance(job, ClientTask) and meant(job)]
            self._waiting = deque(job for job in self._waiting if not meant(job))
            self._changed.notify_all()
        for task in ended:
            task.fail(StoppedError("the measurement was stopped before it began"))

    def wanted(self, outbox: Outbox) -> bool:
        """Whether anything waits for the model but this client's own tasks."""
        with self._changed:
            return any(not (isinstance(job, ClientTask) and job.outbox is outbox) for job in self._waiting)

    def drain(self) -> None:
        """Wait until everything accepted so far has ended, or the worker is closed."""
        with self._changed:
            while (self._waiting or self._current) and not self._closed:
                self._changed.wait()

    def close(self, timeout: float) -> bool:
        """Stop everything; give whether the model's thread ended within `timeout` seconds."""
        self._abandon()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _abandon(self) -> None:
        """Take nothing more, and end what runs and what waits."""
        with self._changed:
            self._closed = True
            if self._current:
                self._current.stop.set()
            abandoned, self._waiting = self._waiting, deque()
            self._changed.notify_all()
        for job in abandoned:
            if isinstance(job, PendingTurn):
                job.finish(None, "the server ended before this turn began")
            else:
                job.fail(ClosedError("the server ended before this was done"))

    def _broken(self, why: str) -> None:
        """Take note that the model's thread ended by an error."""
        try:
            self._abandon()
        finally:
            self._failed(f"the thread that runs the model ended by an error ({why})")

    def _check_room(self, kind: type[PendingTurn | ClientTask], name: str) -> None:
        """Pass if one more may wait; the lock is held."""
        if self._closed:
            raise ClosedError("the server is ending and takes no more turns")
        count = sum(isinstance(job, kind) for job in self._waiting)
        if count >= self._most_queued:
            raise TooManyTurnsError(
                f"{count} {name} wait already, at most {self._most_queued} may; try later"
            )

    def _queue(self, job: PendingTurn | ClientTask) -> None:
        self._waiting.append(job)
        self._changed.notify_all()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._do(job)
            finally:
                with self._changed:
                    self._current = None
                    self._changed.notify_all()

    def _do(self, job: PendingTurn | ClientTask | Idle) -> None:
        """Do one job; whatever goes wrong in it, who waits for it hears why, and the next comes."""
        try:
            if isinstance(job, PendingTurn):
                self.conversation.hold(job)
            else:
                job.run()  # a piece of idle work, too
        except BaseException as error:  # a panic of a library in Rust is none of `Exception`
            log.critical("a job of the model's thread failed", exc_info=error)
            if isinstance(job, PendingTurn):
                self._fail(job, f"turn {job.number} failed: {described(error)}")
            elif isinstance(job, ClientTask):
                job.fail(error)
            else:
                self._idle = None

    def _fail(self, turn: PendingTurn, why: str) -> None:
        """End a turn that could not be held to its end."""
        try:
            now = time.time()
            self._hub.fail(
                TurnStart(turn=turn.number, prompt=turn.text, new=turn.new, client=turn.client, time=now),
                Notice(level="warning", message=why),
                TurnEnd(turn=turn.number, reason="error", text="", tokens=0, seconds=0.0),
            )
        finally:
            if not turn.done.is_set():
                turn.finish(None, why)

    def _next(self) -> PendingTurn | ClientTask | Idle | None:
        with self._changed:
            while not self._waiting and not self._closed:
                if self._idle is not None and self._idle.more:
                    return self._idle
                self._changed.wait()
            self._current = self._waiting.popleft() if self._waiting else None
            return self._current
