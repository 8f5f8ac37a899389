"""What runtimes take and give: messages, sampling, a turn's events, what is measured, and how all fail."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypedDict

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Candidate, EndReason, Phase, ScanDtype
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
