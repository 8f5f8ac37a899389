"""Results by hand, without a model."""

from typing import Any

import msgspec

from llmri_server.experiments.plan import LayerUnits
from llmri_server.experiments.results import Observation, Results, SetRecord, TaskRecord
from tests.server.experiments.plans import plan_of

PLACES = (LayerUnits(layer=0, units=(1, 2)),)
SHARES = (0.0, 1.0, 1.0, 0.0, 1.0)  # of the chosen set and of four draws, at dose 0


def results_of(**changes: Any) -> Results:
    """Return the results of one dose with four draws of one control, and of ten questions."""
    kept = Results(
        plan=plan_of(measures=["score", "loss"], controls={"random": 4, "matched": 0}),
        finished=True,
        created="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        versions={"llmri": "0"},
        threads=1,
        device="cpu",
        tasks=(TaskRecord(name="addition", group="numbers", questions=10),),
        sets=(
            SetRecord(kind="chosen", units=2, places=PLACES),
            *(SetRecord(kind="random", draw=draw, units=2, places=PLACES) for draw in range(4)),
        ),
        observations=(
            _observation(None, 1.0),
            *(_observation(number, share) for number, share in enumerate(SHARES)),
        ),
    )
    return msgspec.structs.replace(kept, **changes)


def _observation(units: int | None, share: float) -> Observation:
    place = {} if units is None else {"operation": 0, "dose": 0.0}
    return Observation(units=units, task="addition", measure="score", values=(share,) * 10, **place)  # type: ignore[arg-type]
