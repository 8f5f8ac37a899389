"""A runtime around the real one that knows what each generated token took, and how much of it in hooks."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.stopwatch import Stopwatch
from llmri_server.runtime import CapturePlan, ChatMessage, Sampling, ScanEvent, Sink, TokenEvent, TurnOutcome
from llmri_server.torch_runtime import TorchRuntime


class Mark(NamedTuple):
    """The clocks when a token was announced: nanoseconds in all and in hooks, and calls of hooks."""

    clock: int
    hooks: int
    calls: int


@dataclass(frozen=True)
class TokenTimes:
    """The mean seconds of a generated token, in all and in hooks, and the mean number of calls of hooks."""

    token: float
    hooks: float
    calls: float

    @classmethod
    def between(cls, first: Mark, last: Mark, tokens: int) -> "TokenTimes":
        """Return the means over the tokens from one mark to another."""
        return cls(
            token=(last.clock - first.clock) / tokens / 1e9,
            hooks=(last.hooks - first.hooks) / tokens / 1e9,
            calls=(last.calls - first.calls) / tokens,
        )


class MarkedSink:
    """Passes everything on, and looks at the clocks at every generated token."""

    def __init__(self, sink: Sink, hooks: Stopwatch, read: Stopwatch) -> None:
        self._sink = sink
        self._scan = hooks.timed(sink.scan)  # it counts wherever it is called from
        self._read = read
        self.marks: list[Mark] = []
        self.scans = 0

    def token(self, event: TokenEvent) -> None:
        """Take a token."""
        if event.phase == "generate":
            self.marks.append(Mark(time.perf_counter_ns(), self._read.nanoseconds, self._read.calls))
        self._sink.token(event)

    def scan(self, event: ScanEvent) -> None:
        """Take a scan."""
        self.scans += 1
        self._scan(event)

    @property
    def times(self) -> TokenTimes:
        """The times of this turn. Its first token is left out: it paid for the prompt.

        Raises:
            ValueError: Fewer than two tokens were generated.
        """
        if len(self.marks) < 2:
            raise ValueError(f"a turn of {len(self.marks)} tokens cannot be timed, expected at least 2")
        return TokenTimes.between(self.marks[0], self.marks[-1], len(self.marks) - 1)


class TimedRuntime:
    """The runtime that a benchmark's server is given.

    Attributes:
        inner: The real one.
        plan: The capture plan that the hub sent last.
        plans: How many it has sent.
        hooks: Times the real runtime's hooks.
        read: The stopwatch that the next turn's times are read from: `hooks`, unless it is replaced.
    """

    def __init__(self, inner: TorchRuntime) -> None:
        self.card = inner.card
        self.inner = inner
        self.plan = CapturePlan()
        self.plans = 0
        self.hooks = Stopwatch()
        self.read = self.hooks
        self._sink: MarkedSink | None = None
        self.check_edits, self.apply_edits = inner.check_edits, inner.apply_edits
        self.passes, self.rerun = inner.passes, inner.rerun
        self.context, self.stale, self.refill = inner.context, inner.stale, inner.refill
        self.prompt_ids, self.text_ids, self.text_of = inner.prompt_ids, inner.text_ids, inner.text_of
        self.texts_of = inner.texts_of
        self.replay, self.measure, self.attribute = inner.replay, inner.measure, inner.attribute
        self.threads, self.given_reply = inner.threads, inner.given_reply
        self.greedy_replies, self.read_replies = inner.greedy_replies, inner.read_replies
        self.reply_activations = inner.reply_activations

    @property
    def last_turn(self) -> MarkedSink:
        """Where the last turn went.

        Raises:
            RuntimeError: There was none.
        """
        if self._sink is None:
            raise RuntimeError("no turn has begun")
        return self._sink

    def capture(self, plan: CapturePlan) -> None:
        """Take the hub's capture plan."""
        self.inner.capture(plan)
        self.plan = plan
        self.plans += 1

    def generate(
        self, conversation: Sequence[ChatMessage], sampling: Sampling, sink: Sink, stop: threading.Event
    ) -> TurnOutcome:
        """Generate a reply with the hooks timed."""
        marked = self._sink = MarkedSink(sink, self.hooks, self.read)
        with self.hooks.on_hooks_of("llmri_server"):
            return self.inner.generate(conversation, sampling, marked, stop)
