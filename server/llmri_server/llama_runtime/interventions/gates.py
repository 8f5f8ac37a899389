"""When an edit acts: at which positions, and how strongly."""

import numpy as np
import numpy.typing as npt

from llmri_server.edits.conditions import Conditions
from llmri_server.llama_runtime.context import Pass

Floats = npt.NDArray[np.float32]
Strength = float | Floats  # one number where it is the same at all positions of a pass, else one for each


class Gate(Conditions):
    """The conditions of an edit, over the positions of a pass."""

    def strength(self, now: Pass, special: frozenset[int]) -> Strength:
        """Return the strength in a pass."""
        stop = now.first + len(now.ids)
        newest = None if now.more_follows else stop - 1
        strengths = [
            self.at(number, number - now.prompt + 1, last=number == newest)
            for number in range(now.first, stop)
        ]
        if not self.special:
            pairs = zip(strengths, now.ids, strict=True)
            strengths = [0.0 if token in special else strength for strength, token in pairs]
        return strengths[0] if len(set(strengths)) == 1 else np.array(strengths, np.float32)


ALWAYS = Gate()


class Openings:
    """How far each gate is open in one pass, worked out once for all places."""

    def __init__(self, now: Pass, special: frozenset[int]) -> None:
        self._now = now
        self._special = special
        self._known: dict[Gate, Strength] = {}

    def of(self, gate: Gate) -> Strength:
        """Return the strength at each position of the pass."""
        if gate not in self._known:
            self._known[gate] = gate.strength(self._now, self._special)
        return self._known[gate]
