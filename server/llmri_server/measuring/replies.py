"""The same prompt replied to without and with edits."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from llmri_protocol.messages import ComparedToken, Edit
from llmri_server.measuring.distributions import divergence, logprobs
from llmri_server.measuring.progress import Progress, Steps
from llmri_server.measuring.reading import as_if_generated
from llmri_server.runtime import ChatMessage, Runtime, Sampling, ScanEvent, TokenEvent


class NoRoomError(ValueError):
    """A prompt leaves no room for a reply, so there is nothing to compare; the message has the number."""


@dataclass(frozen=True)
class RepliesCompared:
    """Two replies to one prompt, with the same seed and settings.

    `first_difference` is the number of the first token that differs, None where none does. `kl` is the
    divergence in nats from without to with the edits at each token of the plain reply, which both read.
    """

    plain: tuple[ComparedToken, ...]
    edited: tuple[ComparedToken, ...]
    plain_text: str
    edited_text: str
    first_difference: int | None
    kl: tuple[float, ...]


def comparison(
    runtime: Runtime,
    conversation: Sequence[ChatMessage],
    sampling: Sampling,
    edits: Sequence[Edit],
    *,
    progress: Progress,
    stop: threading.Event,
) -> RepliesCompared:
    """Reply to the conversation's last message without and with the edits, and compare.

    The same arguments give the same result: the seed is part of `sampling`.

    Raises:
        StoppedError: `stop` was set.
        NonFiniteError: The edits make the logits infinite or not a number.
        NoRoomError: The context is too short for the prompt.
    """
    most = sampling.max_new_tokens
    steps = Steps(2 * most + 1, progress, stop)
    steps.begin("replying without the edits")
    without = _reply(runtime, conversation, sampling, (), steps)
    if not without.prompt:
        raise NoRoomError(
            f"the prompt leaves no room for a reply in the context of {runtime.card.context} tokens; "
            "give a shorter one"
        )
    steps.reach(most)
    steps.begin("replying with the edits")
    with_edits = _reply(runtime, conversation, sampling, edits, steps)
    steps.reach(2 * most)
    steps.begin("reading the plain reply both ways")
    kl = _divergences(runtime, without, edits)
    steps.end()
    plain, edited = tuple(without.tokens), tuple(with_edits.tokens)
    different = _first_difference(plain, edited)
    return RepliesCompared(plain, edited, without.text, with_edits.text, different, kl)


@dataclass
class _Reply:
    """A reply as it comes: what was read before it, and its tokens, each of which is a step."""

    steps: Steps
    prompt: list[int] = field(default_factory=list)
    tokens: list[ComparedToken] = field(default_factory=list)
    text: str = ""

    def token(self, event: TokenEvent) -> None:
        """Take a token."""
        if event.phase == "prompt":
            self.prompt.append(event.id)
            return
        self.tokens.append(ComparedToken(id=event.id, text=event.text, logprob=event.logprob or 0.0))
        self.steps.end()

    def scan(self, event: ScanEvent) -> None:
        """Nothing is scanned."""


def _reply(
    runtime: Runtime,
    conversation: Sequence[ChatMessage],
    sampling: Sampling,
    edits: Sequence[Edit],
    steps: Steps,
) -> _Reply:
    reply = _Reply(steps)
    reply.text = runtime.replay(conversation, sampling, reply, steps.stop, edits).text
    steps.check()
    return reply


def _divergences(runtime: Runtime, reply: _Reply, edits: Sequence[Edit]) -> tuple[float, ...]:
    """Return the KL divergence where each token of the reply is decided."""
    if not reply.tokens:
        return ()
    length, count = len(reply.prompt), len(reply.tokens)
    ids = (*reply.prompt, *(token.id for token in reply.tokens[:-1]))
    reading = tuple(as_if_generated(edit, length) for edit in edits)
    measured = runtime.measure(ids, ((), reading), logits=count, prompt=length)
    return tuple(float(divergence(*logprobs(measured.logits[:, number]))) for number in range(count))


def _first_difference(plain: Sequence[ComparedToken], edited: Sequence[ComparedToken]) -> int | None:
    pairs = zip_longest((token.id for token in plain), (token.id for token in edited))
    return next((number for number, (one, other) in enumerate(pairs) if one != other), None)
