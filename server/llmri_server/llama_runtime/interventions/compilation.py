"""From edits to what happens at each place: a few arrays, however many units are edited."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from llmri_protocol.messages import Edit
from llmri_server.edits import Place, PlaceEdits, resolve
from llmri_server.edits.baselines import Baselines
from llmri_server.llama_runtime.interventions.gates import Floats, Gate
from llmri_server.llama_runtime.interventions.program import Program
from llmri_server.llama_runtime.interventions.steps import STEPS, Replacing, Resampling, Steering, Step


@dataclass(frozen=True, eq=False)
class Compiled:
    """Edits with their revision, and the program of each place that they name."""

    edits: tuple[Edit, ...] = ()
    programs: Mapping[Place, Program] = field(default_factory=dict)
    revision: int = 0


class Compiler:
    """Makes programs of checked edits. Belongs to the model's thread."""

    def __init__(self, baselines: Baselines[Floats]) -> None:
        self._baselines = baselines

    def compile(self, edits: Sequence[Edit], revision: int = 0) -> Compiled:
        """Return what these edits do; this may take an unedited pass of the model."""
        resolved = resolve(edits)
        self._baselines.prepare(resolved)
        programs = {place: Program(list(self._steps(place, here))) for place, here in resolved.items()}
        return Compiled(tuple(edits), programs, revision)

    def _steps(self, place: Place, here: PlaceEdits) -> Iterator[tuple[Gate, Step]]:
        """Yield every steer, then a step for every gate and operation."""
        for steer in here.steers:
            yield Gate.of(steer), Steering(np.float32(steer.value) * np.array(steer.direction, np.float32))
        for (gate, op, source), units in _grouped(here.units).items():
            yield gate, self._step(place, op, units, source)

    def _step(self, place: Place, op: str, units: Mapping[int, Edit], source: Edit | None) -> Step:
        """Make the step of some units; `source` is the edit that takes its values from samples."""
        touched = np.fromiter(units, np.int64)
        if source is not None and source.operation.averaged:
            return Replacing(touched, self._baselines.mean(place, source)[touched])
        if source is not None:
            return Resampling(touched, self._baselines.samples(place)[:, touched], source.seed)
        return STEPS[op](touched, np.array([edit.value for edit in units.values()], np.float32))


def _grouped(units: Mapping[int, Edit]) -> dict[tuple[Gate, str, Edit | None], dict[int, Edit]]:
    """Sort units by gate and operation, and `mean` and `resample` by their edit too."""
    keys = {
        id(edit): (Gate.of(edit), edit.op, edit if edit.operation.sampled else None)
        for edit in units.values()
    }
    groups: dict[tuple[Gate, str, Edit | None], dict[int, Edit]] = {}
    for unit, edit in units.items():
        groups.setdefault(keys[id(edit)], {})[unit] = edit
    return groups
