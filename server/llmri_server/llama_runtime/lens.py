"""The logits that each layer's output would give, were it the last one."""

from collections.abc import Sequence

import numpy as np

from llmri_server.edits.wording import in_words
from llmri_server.llama_runtime.interventions import Compiled, Program
from llmri_server.llama_runtime.interventions.gates import ALWAYS, Floats
from llmri_server.llama_runtime.interventions.steps import Numbers
from llmri_server.llama_runtime.sequence_reading import read
from llmri_server.llama_runtime.sites import RESID_POST
from llmri_server.llama_runtime.watch import Watch
from llmri_server.runtime import NonFiniteError


def lens(watch: Watch, layers: int, ids: Sequence[int], compiled: Compiled, prompt: int) -> Floats:
    """Return the logits of every layer at the last position, `[layers, vocabulary]`; see `LensRuntime.lens`.

    A second sequence, a layer a position, has the rows in place of the last block's output: whatever
    llama.cpp does from there on, norm, unembedding, scaling or softcapping, it does to all.

    Args:
        watch: A context that keeps nothing worth keeping.
        layers: The model's.
        ids: The sequence.
        compiled: The edits of the first pass.
        prompt: How many first positions count as prompt.

    Raises:
        NonFiniteError: A logit is infinite or not a number.
    """
    wanted = ((RESID_POST, tuple(range(layers))),)
    rows, _ = read(watch, ids, prompt=prompt, compiled=compiled, wanted=wanted)
    placed = Program([(ALWAYS, _Placing(rows[RESID_POST][-1]))])
    _, logits = read(
        watch,
        [ids[-1]] * layers,
        prompt=layers,
        compiled=Compiled((), {(RESID_POST, layers - 1): placed}),
        logits=layers,
    )
    if not np.isfinite(logits).all():
        raise NonFiniteError(
            f"a layer's logits are infinite or not a number under {in_words(compiled.edits)}"
        )
    return logits


class _Placing:
    """Gives each position a row of its own."""

    touched = slice(None)

    def __init__(self, rows: Floats) -> None:
        self._rows = rows

    def change(self, rows: Floats, positions: Numbers) -> None:
        rows[:] = self._rows[positions]
