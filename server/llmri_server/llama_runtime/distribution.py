"""The model's own next-token distribution, before temperature and cuts change it."""

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Candidate
from llmri_server.llama_runtime.vocabulary import Vocabulary
from llmri_server.runtime import NonFiniteError

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
