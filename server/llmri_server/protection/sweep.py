"""What a model loses under each of many small sets of edits, in few batches."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Edit
from llmri_server.runtime import NonFiniteError, Runtime

MOST_VARIANTS = 32  # in a batch
LOGIT_BYTES = 256 << 20  # of a batch: whole logits come back

Variants = Sequence[Sequence[Edit]]


def losses(runtime: Runtime, ids: Sequence[int], variants: Variants) -> list[float]:
    """Give the mean next-token loss on a sequence under each variant, in nats a token.

    It is infinite under a variant whose logits are not all finite.
    """
    size = LOGIT_BYTES // (4 * len(ids) * runtime.card.vocabulary)
    size = max(1, min(MOST_VARIANTS, size))
    chunks = (variants[first : first + size] for first in range(0, len(variants), size))
    return [loss for chunk in chunks for loss in _of_chunk(runtime, ids, chunk)]


def _of_chunk(runtime: Runtime, ids: Sequence[int], variants: Variants) -> Iterator[float]:
    try:
        logits = runtime.measure(ids, variants, logits=len(ids)).logits
    except NonFiniteError:
        if len(variants) == 1:
            yield float("inf")
            return
        for variant in variants:  # find out which of them it is
            yield from _of_chunk(runtime, ids, [variant])
        return
    for row in logits:
        yield _mean_loss(row, ids)


def _mean_loss(logits: npt.NDArray[np.float32], ids: Sequence[int]) -> float:
    """Give the mean cross entropy of `logits`, `[positions, vocabulary]`, with the tokens that follow."""
    rows = logits[:-1].astype(np.float64)
    rows -= rows.max(axis=-1, keepdims=True)
    chosen = rows[np.arange(len(rows)), ids[1:]]
    return float((np.log(np.exp(rows).sum(axis=-1)) - chosen).mean())
