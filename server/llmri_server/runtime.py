"""What a model runtime is to the rest of the server.

One implementation an engine lives in a package of its own; nothing outside it asks which it is.
Exactly one thread calls what computes: `generate`, `replay`, `refill`, `measure`, `greedy_replies`,
`read_replies`, `reply_activations`, `attribute` and `lens`. The other methods may be called from any thread
at any time, also while it computes, and take effect from the next forward pass on.
"""

import threading
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import (
    AttributionMethod,
    Edit,
    ModelCard,
)
from llmri_server.pass_runs import Runs
from llmri_server.runtime_values import (
    Attributed,
    CapturePlan,
    ChatMessage,
    EditError,
    GivenReply,
    LoadError,
    Measured,
    NonFiniteError,
    PromptError,
    RepliesRead,
    Rerun,
    Sampling,
    ScanEvent,
    Sink,
    SiteLayers,
    StoppedError,
    TokenEvent,
    TurnOutcome,
    UnsupportedError,
)

__all__ = [
    "Attributed",
    "CapturePlan",
    "ChatMessage",
    "EditError",
    "GivenReply",
    "LensRuntime",
    "LoadError",
    "Measured",
    "NonFiniteError",
    "PromptError",
    "RepliesRead",
    "Rerun",
    "Runtime",
    "Sampling",
    "ScanEvent",
    "Sink",
    "SiteLayers",
    "StoppedError",
    "TokenEvent",
    "TurnOutcome",
    "UnsupportedError",
]


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
