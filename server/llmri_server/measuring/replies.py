"""The same prompt replied to without and with edits."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from llmri_protocol.messages import ComparedToken, Edit
from llmri_server.measuring.distributions import divergence, logprobs
from llmri_server.measuring.reading import as_if_generated
from llmri_server.measuring.steps import Progress, Steps
from llmri_server.runtime import ChatMessage, Outcome, Runtime, Sampling, ScanEvent, TokenEvent
from llmri_server.transcript import read_of


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
    """
    most = sampling.max_new_tokens
    steps = Steps(2 * most + 1, progress, stop)
    steps.begin("replying without the edits")
    plain, without = _reply(runtime, conversation, sampling, (), steps)
    steps.reach(most)
    steps.begin("replying with the edits")
    edited, with_edits = _reply(runtime, conversation, sampling, edits, steps)
    steps.reach(2 * most)
    steps.begin("reading the plain reply both ways")
    prompt = runtime.prompt_ids(read_of(conversation, without.trimmed))
    kl = _divergences(runtime, prompt, tuple(token.id for token in plain), edits)
    steps.end()
    different = _first_difference(plain, edited)
    return RepliesCompared(plain, edited, without.text, with_edits.text, different, kl)


@dataclass
class _Listener:
    """Keeps a reply's tokens, each of which is a step."""

    steps: Steps
    tokens: list[ComparedToken] = field(default_factory=list)

    def token(self, event: TokenEvent) -> None:
        """Take a token."""
        if event.phase == "generate":
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
) -> tuple[tuple[ComparedToken, ...], Outcome]:
    listener = _Listener(steps)
    outcome = runtime.replay(conversation, sampling, listener, steps.stop, edits)
    steps.check()
    return tuple(listener.tokens), outcome


def _divergences(
    runtime: Runtime, prompt: tuple[int, ...], reply: tuple[int, ...], edits: Sequence[Edit]
) -> tuple[float, ...]:
    """Give the KL divergence where each token of the reply is decided."""
    if not reply:
        return ()
    reading = tuple(as_if_generated(edit, len(prompt)) for edit in edits)
    measured = runtime.measure(prompt + reply[:-1], ((), reading), logits=len(reply), prompt=len(prompt))
    return tuple(float(divergence(*logprobs(measured.logits[:, number]))) for number in range(len(reply)))


def _first_difference(plain: Sequence[ComparedToken], edited: Sequence[ComparedToken]) -> int | None:
    pairs = zip_longest((token.id for token in plain), (token.id for token in edited))
    return next((number for number, (one, other) in enumerate(pairs) if one != other), None)
