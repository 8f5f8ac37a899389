"""What was said so far, and how one more turn is held."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from llmri_protocol.messages import Notice, Token, TurnEnd, TurnStart
from llmri_server.hub import Hub
from llmri_server.runtime import (
    ChatMessage,
    NonFiniteError,
    Outcome,
    PromptError,
    Runtime,
    Sampling,
    ScanEvent,
    TokenEvent,
)
from llmri_server.scans import SharedScan
from llmri_server.transcript import Told, Transcript
from llmri_server.turns import Turn

log = logging.getLogger(__name__)


class Conversation:
    """The messages of the present conversation; belongs to the model's thread.

    Args:
        runtime: The model.
        hub: Where a turn is announced.
        sampling: How every turn's tokens are chosen; a turn depends on the conversation and edits only.
        system: The system message in front of every conversation, if any.
        announce_edits: Tells everybody the edits again, after a turn with keys and values of other edits.

    Attributes:
        transcript: The tokens of each turn.
    """

    def __init__(
        self,
        runtime: Runtime,
        hub: Hub,
        sampling: Sampling,
        system: str | None,
        announce_edits: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._hub = hub
        self.sampling = sampling
        self.transcript = Transcript(runtime)
        self._system: list[ChatMessage] = [ChatMessage(role="system", content=system)] if system else []
        self._announce_edits = announce_edits
        self._history: list[ChatMessage] = []
        self._left_out = 0  # messages that were before the history, and stay left out
        self._last: list[ChatMessage] = []  # what the latest turn replied to, system message and all

    def hold(self, turn: Turn) -> None:
        """Run one turn from its start to its end, whatever happens in between."""
        if turn.new:
            self._history.clear()
            self._left_out = 0
        asked = ChatMessage(role="user", content=turn.text)
        self._last = [*self._system, *self._history, asked]
        started = time.time()
        clock = time.perf_counter()
        new = not self._history
        was_stale = self._runtime.stale()
        self._hub.begin(TurnStart(turn=turn.number, prompt=turn.text, new=new, time=started))
        outcome, failure = self._reply(turn)
        left_out = self._left_out + outcome.trimmed
        if failure is None:
            self._remember(asked, outcome)
        else:
            self._hub.tell(Notice(level="warning", message=failure))
        self._end(turn, outcome, left_out, time.perf_counter() - clock)
        if was_stale or self._runtime.stale():
            self._announce_edits()
        turn.finish(None if failure else outcome, failure)

    def to_reply_to(self, prompt: str | None, *, new: bool) -> list[ChatMessage]:
        """Give the messages that a reply to a prompt is a reply to; empty where there is no prompt.

        Args:
            prompt: What is said after the conversation so far; None says the latest prompt again, after
                what stood before it.
            new: Leave the conversation out.
        """
        if prompt is not None:
            before = [] if new else self._history
            return [*self._system, *before, ChatMessage(role="user", content=prompt)]
        return [*self._system, self._last[-1]] if new and self._last else list(self._last)

    def prompt_length(self, context: Sequence[int]) -> int | None:
        """Give how many first tokens of the context the latest turn began with; None where it didn't."""
        ids = self._runtime.prompt_ids(self._last) if self._last else ()
        return len(ids) if ids and tuple(context[: len(ids)]) == ids else None

    def _reply(self, turn: Turn) -> tuple[Outcome, str | None]:
        """Generate; give how it ended, and a sentence where it failed."""
        try:
            sink = _Announcer(self._hub, turn)
            outcome = self._runtime.generate(self._last, self.sampling, sink, turn.stop)
            self.transcript.add(turn.number, Told(tuple(self._last), outcome.trimmed, *sink.told))
            return outcome, None
        except (NonFiniteError, PromptError) as error:
            failure = f"turn {turn.number} was ended: {error}"
        except BaseException as error:  # a panic of a tokenizer is none of `Exception`
            failure = f"turn {turn.number} failed: {type(error).__name__}: {error}"
            log.exception("turn %d failed", turn.number)
        return Outcome(text="", tokens=0, reason="error"), failure

    def _end(self, turn: Turn, outcome: Outcome, left_out: int, seconds: float) -> None:
        for notice in _notices(turn.number, outcome, left_out, self._runtime.card.context):
            self._hub.tell(notice)
        self._hub.end(
            TurnEnd(
                turn=turn.number,
                reason=outcome.reason,
                text=outcome.text,
                tokens=outcome.tokens,
                seconds=seconds,
            )
        )

    def _remember(self, asked: ChatMessage, outcome: Outcome) -> None:
        """Keep a turn for the next ones' context, unless it failed or ended before it said anything.

        A prompt that leaves no room for a reply would push everything older out of the next turns. What was
        left out of a turn that is kept is forgotten: no later prompt is written with it again, so that a turn
        costs the same however long the conversation is.
        """
        if outcome.reason == "error" or (outcome.reason in ("stopped", "context") and not outcome.text):
            return
        self._left_out += outcome.trimmed
        self._history = [
            *self._history[outcome.trimmed :],
            asked,
            ChatMessage(role="assistant", content=outcome.text),
        ]


class _Announcer:
    """Turns what the runtime reports into messages, on the model's thread."""

    def __init__(self, hub: Hub, turn: Turn) -> None:
        self._hub = hub
        self._turn = turn
        self._read = 0
        self._chosen: list[int] = []

    @property
    def told(self) -> tuple[int, tuple[int, ...]]:
        """Give how many tokens were read, and those that were chosen."""
        return self._read, tuple(self._chosen)

    def token(self, event: TokenEvent) -> None:
        """Announce a token."""
        if event.phase == "generate":
            self._turn.add_piece(event.text)
            self._chosen.append(event.id)
        else:
            self._read += 1
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


def _notices(turn: int, outcome: Outcome, left_out: int, context: int) -> Iterator[Notice]:
    """Say what the context's length did to a turn, if anything."""
    if left_out:
        yield Notice(
            level="info",
            message=f"the conversation is too long for the model: its {left_out} oldest "
            f"messages were left out of turn {turn}",
        )
    if outcome.reason == "context":
        yield Notice(
            level="warning",
            message=f"turn {turn} ended because the context of {context} tokens is full; "
            "the next turn leaves the oldest messages out"
            if outcome.tokens
            else f"turn {turn} has no reply: its prompt leaves no room in the context of {context} tokens; "
            "say something shorter",
        )
