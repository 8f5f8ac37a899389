"""The logits that each layer's output would give, were it the last one."""

from collections.abc import Iterator, Sequence

import numpy as np

from llmri_server.edits.wording import in_words
from llmri_server.llama_runtime.interventions import Compiled, Program
from llmri_server.llama_runtime.interventions.gates import ALWAYS, Floats
from llmri_server.llama_runtime.interventions.steps import Numbers
from llmri_server.llama_runtime.sequence_reading import read
from llmri_server.llama_runtime.sites import RESID_POST
from llmri_server.llama_runtime.watch import Watch
from llmri_server.runtime import NonFiniteError


def lenses(
    watch: Watch, layers: int, ids: Sequence[int], *, first: int, compiled: Compiled, prompt: int
) -> Iterator[Floats]:
    """Yield the logits of every layer at positions from one on; see `LensRuntime.lenses`.

    Further sequences, a layer of a position a position, have the rows in place of the last block's output:
    whatever llama.cpp does from there on, norm, unembedding, scaling or softcapping, it does to all.

    Args:
        watch: A context that keeps nothing worth keeping.
        layers: The model's.
        ids: The sequence.
        first: The first position.
        compiled: The edits of the pass over the sequence.
        prompt: How many first positions count as prompt.

    Raises:
        NonFiniteError: A logit is infinite or not a number.
    """
    wanted = ((RESID_POST, tuple(range(layers))),)
    kept, _ = read(watch, ids, prompt=prompt, compiled=compiled, wanted=wanted)
    rows = kept[RESID_POST][first:]
    at_once = max(1, watch.context.largest // layers)
    for start in range(0, len(rows), at_once):
        chunk = rows[start : start + at_once].reshape(-1, rows.shape[-1])
        placed = Program([(ALWAYS, _Placing(chunk))])
        _, logits = read(
            watch,
            [ids[-1]] * len(chunk),
            prompt=len(chunk),
            compiled=Compiled((), {(RESID_POST, layers - 1): placed}),
            logits=len(chunk),
        )
        if not np.isfinite(logits).all():
            raise NonFiniteError(
                f"a layer's logits are infinite or not a number under {in_words(compiled.edits)}"
            )
        yield from logits.reshape(-1, layers, logits.shape[-1])


class _Placing:
    """Gives each position a row of its own."""

    touched = slice(None)

    def __init__(self, rows: Floats) -> None:
        self._rows = rows

    def change(self, rows: Floats, positions: Numbers) -> None:
        rows[:] = self._rows[positions]
