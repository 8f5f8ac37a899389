"""What a model runtime is to the rest of the server.

One implementation an engine lives in a package of its own; nothing outside it asks which it is.
Exactly one thread calls what computes: `generate`, `replay`, `refill`, `measure`, `greedy_replies`,
`read_replies`, `reply_activations`, `attribute` and `lens`. The other methods may be called from any thread
at any time, also while it computes, and take effect from the next forward pass on.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypedDict, runtime_checkable

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import (
    AttributionMethod,
    Candidate,
    Edit,
    EndReason,
    ModelCard,
    Phase,
    ScanDtype,
)
from llmri_server.pass_runs import Runs


class ChatMessage(TypedDict):
    """One message of a conversation, as chat templates take it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen; temperature 0 takes the likeliest. A reply ends before a `stop` text."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    max_new_tokens: int = 256
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class CapturePlan:
    """Which scans are wanted: by default none.

    `sites` maps a site's name to the layers wanted there, ascending. Of a prompt at most the last
    `prompt_positions` positions are scanned; 0 scans none.
    """

    sites: tuple[tuple[str, tuple[int, ...]], ...] = ()
    prompt_positions: int = 256


@dataclass(frozen=True)
class TokenEvent:
    """A token read or chosen; `number` counts the positions of this turn from 0.

    `logprob` and `entropy` (nats) and `top` describe the model's own distribution at temperature 1,
    from which the token came; they are None and empty for prompt tokens. `revision` is that of the edits of
    the pass that chose it, None for prompt tokens.
    """

    number: int
    phase: Phase
    id: int
    text: str
    logprob: float | None = None
    entropy: float | None = None
    top: tuple[Candidate, ...] = ()
    revision: int | None = None


@dataclass(frozen=True)
class ScanEvent:
    """Activations at one site for one position, `rows` of shape `[layers, width]`.

    `rows` belongs to the receiver and is C-contiguous: float32, float16, uint8, or uint16 holding the
    bits of bfloat16, as `dtype` says. `number` is the `TokenEvent.number` of the token that stood at
    this position as input. `revision` is that of the edits of the pass.
    """

    number: int
    phase: Phase
    site: str
    layers: tuple[int, ...]
    dtype: ScanDtype
    rows: npt.NDArray[np.generic]
    revision: int | None = None


class Sink(Protocol):
    """Where a turn's events go. Neither method may block or raise."""

    def token(self, event: TokenEvent) -> None:
        """Take a token, in order."""
        ...

    def scan(self, event: ScanEvent) -> None:
        """Take a scan; a position's scans come after its token."""
        ...


@dataclass(frozen=True)
class TurnOutcome:
    """How a turn ended: the whole reply without special tokens, and how many tokens it took."""

    text: str
    tokens: int
    reason: EndReason
    trimmed: int = 0  # messages left out of the front of the conversation, because it was too long
    anew: bool = False  # earlier turns were read again, because nothing of the model's state can be kept


class EditError(ValueError):
    """An edit does not fit the model; the message names the edit and what would fit."""


class NonFiniteError(RuntimeError):
    """A value became infinite or not a number; the message names the edit that made it so, if one did."""


class PromptError(RuntimeError):
    """A conversation or a text cannot be written for the model; the message is one sentence.

    Attributes:
        final: Whether no other conversation can be, either.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class StoppedError(RuntimeError):
    """What was being computed was stopped before it had a result."""


class UnsupportedError(RuntimeError):
    """This runtime cannot do what was asked; the message says why."""


class LoadError(RuntimeError):
    """A model cannot be served; the message is one sentence for the user."""


SiteLayers = tuple[tuple[str, tuple[int, ...]], ...]  # as in `CapturePlan.sites`


@dataclass(frozen=True, eq=False)
class Measured:
    """What forward passes over one sequence gave, for several sets of edits.

    `logits` are float32 `[variants, last positions, vocabulary]`; `rows` maps a site to float32
    `[variants, positions, layers, width]`, after the edits.
    """

    logits: npt.NDArray[np.float32]
    rows: Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Attributed:
    """What one layer's units contribute to a logit: `values` is float32 `[width]`, summed over positions."""

    target: int
    logit: float
    values: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Rerun:
    """Positions to compute again.

    Attributes:
        ids: The sequence; all of its positions are known to `runs`.
        runs: How each position was computed.
        sites: Whose activations to give, and in which layers.
        first: The first position whose activations are given.
        take: Takes them, in order; `number` counts positions from 0.
        stop: Ends it between passes, once set.
        logits: Takes the logits after some positions, `[positions, vocabulary]`, and the first's number; good
            until it returns.
        last: Of how many last positions logits are given.
    """

    ids: Sequence[int]
    runs: Runs
    sites: SiteLayers
    first: int
    take: Callable[[ScanEvent], None]
    stop: threading.Event
    logits: Callable[[int, npt.NDArray[np.float32]], None] | None = None
    last: int = 0

    def logits_between(self, start: int, stop: int) -> int:
        """Return how many last positions of a pass give logits."""
        return max(0, stop - max(start, len(self.ids) - self.last)) if self.logits is not None else 0


@dataclass(frozen=True)
class GivenReply:
    """The tokens of a conversation, ready for the reply, and those of a reply that it is given.

    The reply is decided at `len(reply) + 1` positions: the prompt's last, and each of its own, where the last
    one decides that it ends.
    """

    prompt: tuple[int, ...]
    reply: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class RepliesRead:
    """What reading given replies gave: a value a reply, float64 `[replies]`, in nats.

    Attributes:
        loss: The mean of -log p over the reply's tokens.
        kl: The mean KL divergence to these next-token distributions from those they were held against, over
            the positions that decide the reply (Kullback, Leibler 1951); None where there were none.
        distributions: These distributions, where the engine has them, for it alone to hold others against.
    """

    loss: npt.NDArray[np.float64]
    kl: npt.NDArray[np.float64] | None
    distributions: object


class Runtime(Protocol):
    """A loaded model."""

    card: ModelCard

    @property
    def threads(self) -> int:
        """How many threads of the processor a pass takes; the order of its sums may depend on it."""
        ...

    def check_edits(self, edits: Sequence[Edit]) -> None:
        """Raise `EditError` for the first edit that does not fit; change nothing."""
        ...

    def apply_edits(self, edits: Sequence[Edit], revision: int = 0) -> None:
        """Make these, checked before, the edits of every forward pass from the next on, under this number."""
        ...

    def capture(self, plan: CapturePlan) -> None:
        """Make this the capture plan of every forward pass from the next on."""
        ...

    def generate(
        self,
        conversation: Sequence[ChatMessage],
        sampling: Sampling,
        sink: Sink,
        stop: threading.Event,
    ) -> TurnOutcome:
        """Generate the reply to the conversation's last message, until done or `stop` is set.

        Raises nothing but bugs and the engine's own failures, which the caller turns into the end of
        that turn.
        """
        ...

    def replay(
        self,
        conversation: Sequence[ChatMessage],
        sampling: Sampling,
        sink: Sink,
        stop: threading.Event,
        edits: Sequence[Edit],
    ) -> TurnOutcome:
        """Generate like `generate`, from the first token and under these edits alone.

        The standing edits, the capture plan and the keys and values that are kept stay as they are; the sink
        gets tokens and no scans.
        """
        ...

    def context(self) -> tuple[int, ...]:
        """Return the tokens of the conversation that were computed so far.

        When a turn tells its first token, they are its prompt as it was read, whatever was left out; then
        each token is added as it is chosen. They are none after a turn that failed.
        """
        ...

    def passes(self) -> Runs:
        """Return how the positions of the conversation were computed, those of the latest turn included."""
        ...

    def rerun(self, request: Rerun) -> None:
        """Compute positions again as they were computed, beside the conversation, which stays as it is.

        Each run has the edits, the keys and values and the means that it had; so scans equal the earlier ones
        but for the order of sums.

        Raises:
            StoppedError: It was stopped.
            UnsupportedError: The model's state cannot be continued from one run into the next.
        """
        ...

    def stale(self) -> bool:
        """Whether any key or value that is kept was computed under other edits than those that stand."""
        ...

    def refill(self) -> int:
        """Compute all kept keys and values anew under the standing edits; give how many positions."""
        ...

    def prompt_ids(self, conversation: Sequence[ChatMessage]) -> tuple[int, ...]:
        """Return the tokens of a conversation, ready for the reply."""
        ...

    def text_ids(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a plain text."""
        ...

    def text_of(self, token: int) -> str:
        """Return a token's own text."""
        ...

    def texts_of(self, ids: Sequence[int]) -> list[str]:
        """Return what each token adds to the text of all; a character waits for the last of its tokens."""
        ...

    def measure(
        self,
        ids: Sequence[int],
        variants: Sequence[Sequence[Edit]],
        *,
        sites: SiteLayers = (),
        logits: int = 1,
        prompt: int | None = None,
    ) -> Measured:
        """Run forward passes over one sequence, in one batch, each row under its own edits alone.

        Nothing else changes: no standing edit is felt, and what is kept of the conversation stays.

        Args:
            ids: The sequence, within the model's context.
            variants: A set of edits a row, checked before; empty for the model as it is.
            sites: Whose activations to give, and in which layers.
            logits: Of how many last positions.
            prompt: How many first positions count as prompt; None counts all.

        Raises:
            NonFiniteError: A result is infinite or not a number.
        """
        ...

    def given_reply(self, conversation: Sequence[ChatMessage], reply: str) -> GivenReply:
        """Return the tokens of a conversation and of a reply to it, cut from those of both together."""
        ...

    def greedy_replies(
        self, prompts: Sequence[Sequence[int]], longest: int, edits: Sequence[Edit] = ()
    ) -> list[str]:
        """Reply to many prompts, each a conversation of its own, with the likeliest tokens.

        No standing edit is felt, and what is kept of the conversation stays. Logits that are not finite
        choose any token; `read_replies` tells of them.

        Args:
            prompts: Their tokens, as of `prompt_ids`.
            longest: The most tokens of a reply.
            edits: Checked before.

        Returns:
            The replies' texts without special tokens.
        """
        ...

    def read_replies(
        self,
        given: Sequence[GivenReply],
        edits: Sequence[Edit] = (),
        *,
        against: RepliesRead | None = None,
    ) -> RepliesRead:
        """Read replies as if they were generated, each behind its prompt, under these edits alone.

        Nothing else changes: no standing edit is felt, and what is kept of the conversation stays.

        Args:
            given: Prompts and replies, none empty.
            edits: Checked before.
            against: What the same replies gave under other edits, which `kl` tells the divergence from.

        Raises:
            NonFiniteError: A logit that decides a reply is infinite or not a number.
            UnsupportedError: The model cannot read a reply behind a prompt that was read.
        """
        ...

    def reply_activations(self, site: str, given: Sequence[GivenReply]) -> npt.NDArray[np.float32]:
        """Return a site's activations where replies are decided, without any edit.

        Returns:
            Float32 `[deciding positions, layers, width]`, one reply after the other.
        """
        ...

    def attribute(
        self,
        ids: Sequence[int],
        site: str,
        layer: int,
        *,
        target: int | None = None,
        method: AttributionMethod = "gradient",
        stop: threading.Event | None = None,
    ) -> Attributed:
        """Attribute the next token's logit to the units of one layer, without any edit.

        Args:
            ids: The sequence.
            site: The site.
            layer: The layer.
            target: The token; None takes the likeliest.
            method: `gradient` times activation (Simonyan et al. 2013), or `integrated` gradients from zero
                (Sundararajan, Taly, Yan 2017).
            stop: Ends it between forward passes, once set.

        Raises:
            StoppedError: It was stopped.
            UnsupportedError: The runtime computes no gradients.
        """
        ...


@runtime_checkable
class LensRuntime(Runtime, Protocol):
    """A runtime whose card says `lens`."""

    def lens(
        self, ids: Sequence[int], edits: Sequence[Edit] = (), *, prompt: int | None = None
    ) -> npt.NDArray[np.float32]:
        """Return the logits that each layer's output would give at the last position, `[layers, vocabulary]`.

        Each `resid_post` goes the way of the last one, through the final norm and the unembedding: so the
        last row is the model's own answer (nostalgebraist 2020, "interpreting GPT: the logit lens"). The
        edits were checked before, and no standing edit is felt; `prompt` is as for `measure`.

        Raises:
            NonFiniteError: A logit is infinite or not a number.
        """
        ...

    def lenses(
        self, ids: Sequence[int], first: int, edits: Sequence[Edit] = (), *, prompt: int | None = None
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Yield the same for each position from `first` on, in few passes; all else is as in `lens`."""
        ...
