"""Next-token distributions, and how far one is from another."""

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Shift
from llmri_server.runtime import Runtime

Logprobs = npt.NDArray[np.float64]

SHIFTS = 10


def logprobs(logits: npt.NDArray[np.float32]) -> Logprobs:
    """Return natural logarithms of probabilities for logits, both `[..., vocabulary]`."""
    exact = logits.astype(np.float64)
    exact -= exact.max(axis=-1, keepdims=True)
    exact -= np.log(np.exp(exact).sum(axis=-1, keepdims=True))
    return exact


def divergence(plain: Logprobs, edited: Logprobs) -> npt.NDArray[np.float64]:
    """Return the KL divergence from `plain` to `edited` in nats, `[...]` (Kullback, Leibler 1951).

    It is the mean over `plain` of how much likelier a token is there than in `edited`.
    """
    nats: Logprobs = (np.exp(plain) * (plain - edited)).sum(axis=-1)
    return nats.clip(min=0.0)


def shifts(
    runtime: Runtime, plain: Logprobs, edited: Logprobs
) -> tuple[tuple[Shift, ...], tuple[Shift, ...]]:
    """Return the tokens whose probability gains most and those whose loses most, at most ten each."""
    change = np.exp(edited) - np.exp(plain)
    order = np.argsort(change, kind="stable")

    def shift(token: int) -> Shift:
        before, after = float(plain[token]), float(edited[token])
        return Shift(id=token, text=runtime.text_of(token), before=before, after=after)

    gaining = [int(token) for token in order[::-1][:SHIFTS] if change[token] > 0]
    losing = [int(token) for token in order[:SHIFTS] if change[token] < 0]
    return tuple(map(shift, gaining)), tuple(map(shift, losing))
