"""How the next token is chosen: by llama.cpp's chain of samplers."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Candidate
from llmri_server.llama_runtime.context import Context
from llmri_server.llama_runtime.vocabulary import Vocabulary
from llmri_server.runtime import NonFiniteError, Sampling

NEWEST = -1  # the last position that gives logits
SEEDS = 1 << 32
FEWEST_KEPT = 1


class Sampler:
    """Chooses from the logits of a context's latest pass."""

    def __init__(self, context: Context, chain: object) -> None:
        self._context = context
        self._chain = chain

    def choose(self) -> int:
        """Return the next token."""
        lib = self._context.model.engine.lib
        return int(lib.llama_sampler_sample(self._chain, self._context.pointer, NEWEST))


@contextmanager
def sampler(context: Context, sampling: Sampling) -> Iterator[Sampler]:
    """Make a chain: the likeliest token at temperature 0, else temperature, cuts and a seeded draw."""
    lib = context.model.engine.lib
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    try:
        for link in _links(lib, sampling):
            lib.llama_sampler_chain_add(chain, link)  # the chain frees it
        yield Sampler(context, chain)
    finally:
        lib.llama_sampler_free(chain)


def _links(lib: ModuleType, sampling: Sampling) -> Iterator[object]:
    """Yield the links in the order of transformers, so that both runtimes mean the same."""
    if sampling.temperature <= 0:
        yield lib.llama_sampler_init_greedy()
        return
    yield lib.llama_sampler_init_temp(sampling.temperature)
    if sampling.top_k:
        yield lib.llama_sampler_init_top_k(sampling.top_k)
    if sampling.top_p < 1:
        yield lib.llama_sampler_init_top_p(sampling.top_p, FEWEST_KEPT)
    yield lib.llama_sampler_init_dist(sampling.seed % SEEDS)


CANDIDATES = 10


class Distribution:
    """What one position's logits, `[vocabulary]`, say.

    Raises:
        NonFiniteError: A logit is infinite or not a number, so that no token can be chosen.
    """

    def __init__(self, logits: npt.NDArray[np.float32]) -> None:
        highest = logits.max()
        if not np.isfinite(highest):
            raise NonFiniteError("the logits are infinite or not a number")
        shifted = logits - highest
        odds = np.exp(shifted)
        total = odds.sum()
        self._logprobs = shifted - np.log(total)
        self._entropy = float(np.log(total) - (odds * np.maximum(shifted, -1e30)).sum() / total)

    def describe(self, token: int, vocabulary: Vocabulary) -> tuple[float, float, tuple[Candidate, ...]]:
        """Return the token's logprob, the entropy in nats, and the likeliest candidates."""
        logprobs = self._logprobs
        count = min(CANDIDATES, len(logprobs))
        best = np.argpartition(logprobs, -count)[-count:]
        best = best[np.argsort(-logprobs[best], kind="stable")]
        top = tuple(
            Candidate(id=number, text=vocabulary.text_of(number), logprob=logprob)
            for number, logprob in zip(best.tolist(), logprobs[best].tolist(), strict=True)
        )
        return float(logprobs[token]), self._entropy, top
