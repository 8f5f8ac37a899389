"""What was said so far, and how one more turn is held."""

import logging
import time
from collections.abc import Callable, Iterator

from llmri_protocol.messages import Notice, Token, TurnEnd, TurnStart
from llmri_server.broadcast.hub import Hub
from llmri_server.broadcast.shared_scans import SharedScan
from llmri_server.runtime import (
    ChatMessage,
    NonFiniteError,
    PromptError,
    Runtime,
    Sampling,
    ScanEvent,
    TokenEvent,
    TurnOutcome,
)
from llmri_server.runtimes.common.keeping import NOTHING_KEPT
from llmri_server.service.history import History
from llmri_server.service.transcript import Told, Transcript, read_of
from llmri_server.service.turns import PendingTurn

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
        self.transcript = Transcript()
        self._history = History(system)
        self._announce_edits = announce_edits
        self._said_anew = False  # once a conversation
        self._last: list[ChatMessage] = []  # what the latest turn read and replied to, system message and all

    def hold(self, turn: PendingTurn) -> None:
        """Run one turn from its start to its end, whatever happens in between."""
        if turn.new:
            self._history.forget()
        new = turn.new
        if turn.messages is not None:
            new = not self._history.become(turn.messages[:-1]) or new
        new = new or self._history.begins
        self._said_anew &= not new
        asked = ChatMessage(role="user", content=turn.text)
        self._last = self._history.before(asked)
        started = time.time()
        clock = time.perf_counter()
        was_stale = self._runtime.stale()
        self._hub.begin(
            TurnStart(turn=turn.number, prompt=turn.text, new=new, client=turn.client, time=started)
        )
        outcome, failure = self._reply(turn)
        left_out = self._history.left_out + outcome.trimmed
        if failure is None:
            self._history.remember(asked, outcome)
        else:
            self._hub.tell(Notice(level="warning", message=failure))
        self._end(turn, outcome, left_out, time.perf_counter() - clock)
        if was_stale or self._runtime.stale():
            self._announce_edits()
        turn.finish(None if failure else outcome, failure)

    def to_reply_to(self, prompt: str | None, *, new: bool) -> list[ChatMessage]:
        """Return the messages that a reply to a prompt is a reply to; empty where there is no prompt.

        Args:
            prompt: What is said after the conversation so far; None says the latest prompt again, after
                what stood before it.
            new: Leave the conversation out.
        """
        if prompt is not None:
            return self._history.before(ChatMessage(role="user", content=prompt), alone=new)
        return self._history.again(self._last[-1]) if new and self._last else list(self._last)

    def _reply(self, turn: PendingTurn) -> tuple[TurnOutcome, str | None]:
        """Generate, and keep what was read and chosen; give how it ended, and a sentence where it failed."""
        sink = _Announcer(self._hub, turn, self._runtime)
        lost: str | None = "failed"
        try:
            outcome = self._runtime.generate(self._last, turn.sampling or self.sampling, sink, turn.stop)
            self._last = read_of(self._last, outcome.trimmed)
            lost = sink.why_nothing(outcome)
            return outcome, None
        except (NonFiniteError, PromptError) as error:
            failure = f"turn {turn.number} was ended: {error}"
        except BaseException as error:  # a panic of a tokenizer is none of `Exception`
            failure = f"turn {turn.number} failed: {type(error).__name__}: {error}"
            log.exception("turn %d failed", turn.number)
        finally:
            begins = self._history.begins
            self.transcript.add(turn.number, sink.told(begins=begins, lost=lost))
        return TurnOutcome(text="", tokens=0, reason="error"), failure

    def _end(self, turn: PendingTurn, outcome: TurnOutcome, left_out: int, seconds: float) -> None:
        for notice in _notices(turn.number, outcome, left_out, self._runtime.card.context):
            self._hub.tell(notice)
        if outcome.anew and not self._said_anew:
            self._hub.tell(Notice(level="info", message=NOTHING_KEPT))
        self._said_anew |= outcome.anew
        self._hub.end(
            TurnEnd(
                turn=turn.number,
                reason=outcome.reason,
                text=outcome.text,
                tokens=outcome.tokens,
                seconds=seconds,
            )
        )


class _Announcer:
    """Turns what the runtime reports into messages, on the model's thread.

    Args:
        hub: Where they go.
        turn: The turn.
        runtime: Whose turn it is.
    """

    def __init__(self, hub: Hub, turn: PendingTurn, runtime: Runtime) -> None:
        self._hub = hub
        self._turn = turn
        self._runtime = runtime
        self._prompt: tuple[int, ...] = ()
        self._read = 0
        self._chosen: list[int] = []

    def told(self, *, begins: bool, lost: str | None) -> Told:
        """Return what was told so far."""
        return Told(self._prompt, self._read, self._chosen, begins, lost, self._runtime.passes())

    def why_nothing(self, outcome: TurnOutcome) -> str | None:
        """Say why a turn that ended well read nothing, if it did not."""
        if self._read:
            return None
        full = outcome.reason == "context"
        return "left no room for a reply" if full else "was stopped before it read anything"

    def token(self, event: TokenEvent) -> None:
        """Announce a token."""
        if not self._read:
            self._prompt = self._runtime.context()  # at the first token it is the prompt, as it was read
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
                revision=event.revision,
            )
        )

    def scan(self, event: ScanEvent) -> None:
        """Hand a scan to whoever wants it."""
        self._hub.scan(SharedScan(self._turn.number, time.time(), event, revision=event.revision))


def _notices(turn: int, outcome: TurnOutcome, left_out: int, context: int) -> Iterator[Notice]:
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
