"""What a model loses under edits."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Edit
from llmri_server.runtime import NonFiniteError, Runtime


def loss(runtime: Runtime, ids: Sequence[int], edits: Sequence[Edit]) -> float:
    """Return the mean next-token loss on a sequence under some edits, in nats a token, in one pass.

    It is infinite where the edits make the logits so.

    Raises:
        NonFiniteError: The logits are not finite without any edit.
    """
    try:
        logits = runtime.measure(ids, [edits], logits=len(ids)).logits
    except NonFiniteError:
        if not edits:
            raise
        return float("inf")
    return _mean_loss(logits[0], ids)


def _mean_loss(logits: npt.NDArray[np.float32], ids: Sequence[int]) -> float:
    """Return the mean cross entropy of `logits`, `[positions, vocabulary]`, with the tokens that follow."""
    rows = logits[:-1].astype(np.float64)
    rows -= rows.max(axis=-1, keepdims=True)
    chosen = rows[np.arange(len(rows)), ids[1:]]
    return float((np.log(np.exp(rows).sum(axis=-1)) - chosen).mean())
