"""What happens to the rows of one place, in order."""

from collections.abc import Sequence

import numpy as np

from llmri_server.llama_runtime.context import Pass
from llmri_server.llama_runtime.interventions.gates import Floats, Gate, Openings, Strength
from llmri_server.llama_runtime.interventions.steps import Numbers, Step


class Program:
    """Steps, each with the gate that rules it."""

    def __init__(self, steps: Sequence[tuple[Gate, Step]]) -> None:
        self._steps = tuple(steps)

    def apply(self, rows: Floats, now: Pass, openings: Openings, *, cut: bool) -> bool:
        """Edit rows, `[positions, width]`, in place; give whether anything may have changed.

        Args:
            rows: What passes at the place.
            now: The pass.
            openings: How far the gates are open in it.
            cut: Whether only the rows that give logits are here.
        """
        positions = now.positions[now.output_rows] if cut else now.positions
        edited = False
        for gate, step in self._steps:
            strength = openings.of(gate)
            if cut and not isinstance(strength, float):
                strength = strength[now.output_rows]
            edited |= _apply(step, rows, positions, strength)
        return edited


def _apply(step: Step, rows: Floats, positions: Numbers, strength: Strength) -> bool:
    """Edit rows as strongly as that; those where the strength is 0 keep their bits."""
    if isinstance(strength, float):
        if strength == 1.0:
            step.change(rows, positions)
        elif strength:
            _blend(step, rows, positions, np.full((len(rows), 1), strength, np.float32))
        return bool(strength)
    here = np.flatnonzero(strength)
    if not here.size:
        return False
    part = rows[here]
    _blend(step, part, positions[here], strength[here][:, None])
    rows[here] = part
    return True


def _blend(step: Step, rows: Floats, positions: Numbers, strength: Floats) -> None:
    """Go from rows the given part of the way, `[positions, 1]`; units that are not edited keep their bits."""
    changed = rows.copy()
    step.change(changed, positions)
    start, end = rows[:, step.touched], changed[:, step.touched]
    rows[:, step.touched] = np.where(strength < 1, start + strength * (end - start), end)
