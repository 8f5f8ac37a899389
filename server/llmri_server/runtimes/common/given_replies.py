"""Given replies read one after the other through `measure`, for engines that take one sequence at a time."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Edit, ModelCard
from llmri_server.measuring.distributions import Logprobs, divergence, logprobs
from llmri_server.runtime import GivenReply, Measured, RepliesRead, SiteLayers

Distributions = tuple[npt.NDArray[np.float32], ...]  # a reply each, `[deciding positions, vocabulary]`


class Measures(Protocol):
    """The part of a runtime that this stands on."""

    card: ModelCard

    def measure(
        self,
        ids: Sequence[int],
        variants: Sequence[Sequence[Edit]],
        *,
        sites: SiteLayers = (),
        logits: int = 1,
        prompt: int | None = None,
    ) -> Measured:
        """Run forward passes over one sequence; see `Runtime.measure`."""
        ...


def read_one_by_one(
    runtime: Measures, given: Sequence[GivenReply], edits: Sequence[Edit], against: RepliesRead | None
) -> RepliesRead:
    """Do what `Runtime.read_replies` does, a sequence at a time.

    Raises:
        NonFiniteError: A logit that decides a reply is infinite or not a number.
    """
    kept = _distributions(against, len(given))
    losses, divergences, distributions = [], [], []
    for number, each in enumerate(given):
        found = runtime.measure(
            each.prompt + each.reply, [edits], logits=len(each.reply) + 1, prompt=len(each.prompt)
        )
        here = logprobs(found.logits[0])
        losses.append(_loss(here, each.reply))
        if kept is not None:
            divergences.append(float(divergence(kept[number].astype(np.float64), here).mean()))
        distributions.append(here.astype(np.float32))
    kl = None if kept is None else np.array(divergences)
    return RepliesRead(np.array(losses), kl, tuple(distributions))


def activations_one_by_one(
    runtime: Measures, site: str, given: Sequence[GivenReply]
) -> npt.NDArray[np.float32]:
    """Do what `Runtime.reply_activations` does, a sequence at a time."""
    wanted: SiteLayers = ((site, tuple(range(runtime.card.layers))),)
    rows = (
        runtime.measure(each.prompt + each.reply, [()], sites=wanted, prompt=len(each.prompt)).rows[site][
            0, len(each.prompt) - 1 :
        ]
        for each in given
    )
    return np.concatenate(list(rows))


def _loss(found: Logprobs, reply: Sequence[int]) -> float:
    return float(-found[np.arange(len(reply)), list(reply)].mean())


def _distributions(against: RepliesRead | None, replies: int) -> Distributions | None:
    if against is None:
        return None
    kept = against.distributions
    if not isinstance(kept, tuple) or len(kept) != replies:
        raise TypeError("replies are held against others, or against what another engine read")
    return kept
