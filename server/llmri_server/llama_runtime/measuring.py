"""Passes over one sequence under several sets of edits, one set after the other."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Edit
from llmri_server.edits import Place
from llmri_server.edits.wording import in_words
from llmri_server.llama_runtime.interventions import Compiled, Compiler
from llmri_server.llama_runtime.sequence_reading import read
from llmri_server.llama_runtime.watch import Watch
from llmri_server.runtime import Measured, NonFiniteError, SiteLayers

Floats = npt.NDArray[np.float32]


def measure(
    watch: Watch,
    compiler: Compiler,
    ids: Sequence[int],
    variants: Sequence[Sequence[Edit]],
    *,
    wanted: SiteLayers,
    logits: int,
    prompt: int | None,
) -> Measured:
    """Run the sequence under each set of edits; see `Runtime.measure`.

    Sets of edits never share a pass, so that what one gives does not hang on the others.

    Raises:
        NonFiniteError: The logits are infinite or not a number.
    """
    length = len(ids) if prompt is None else prompt
    rows: dict[str, list[Floats]] = {name: [] for name, _ in wanted}
    given: list[Floats] = []
    for edits in variants:
        compiled = compiler.compile(edits)
        kept, last = read(watch, ids, prompt=length, compiled=compiled, wanted=wanted, logits=logits)
        if not np.isfinite(last).all():
            raise NonFiniteError(f"the logits are infinite or not a number under {in_words(edits)}")
        given.append(last)
        for name, each in rows.items():
            each.append(kept[name])
    return Measured(np.stack(given), {name: np.stack(each) for name, each in rows.items()})


def unedited_rows(watch: Watch, ids: Sequence[int], places: Sequence[Place]) -> dict[Place, Floats]:
    """Return what passes at some places while nothing is edited, `[positions, width]` each."""
    layers: dict[str, list[int]] = {}
    for name, layer in places:
        layers.setdefault(name, []).append(layer)
    wanted: SiteLayers = tuple((name, tuple(sorted(chosen))) for name, chosen in layers.items())
    rows, _ = read(watch, ids, prompt=len(ids), compiled=Compiled(), wanted=wanted)
    return {
        (name, layer): rows[name][:, number] for name, chosen in wanted for number, layer in enumerate(chosen)
    }


def mean_row(rows: Floats) -> Floats:
    """Return the mean over positions, `[width]`, of rows `[positions, width]`."""
    mean: Floats = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean
