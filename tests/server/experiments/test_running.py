from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from llmri_protocol.messages import ProtectedUnit
from llmri_server.experiments import running
from llmri_server.experiments.controls import TOLERANCE
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.measures import Prepared, Values
from llmri_server.experiments.plan import Measure
from llmri_server.experiments.results import Observation
from llmri_server.experiments.running import make_ready, observe
from llmri_server.torch_runtime import TorchRuntime
from tests.server.experiments.plans import plan_of

ONE = {"random": 1, "matched": 0}
DOSES = [{"op": "scale", "doses": [0, 1, 2]}, {"op": "add", "doses": [0]}]


def run(runtime: TorchRuntime, **changes: object) -> list[Observation]:
    plan = plan_of(**changes)
    return list(observe(runtime, make_ready(runtime, plan)))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer every question with 0.5, and note what was asked."""
    asked: list[str] = []

    def measure(_runtime: object, task: Prepared, _edits: object) -> Iterator[tuple[Measure, Values]]:
        asked.append(task.name)
        yield "loss", (0.5,) * 3

    monkeypatch.setattr(running, "measure", measure)
    return asked


def test_the_same_plan_gives_the_same_figures(pocket: TorchRuntime) -> None:
    assert run(pocket, controls=ONE) == run(pocket, controls=ONE)


def test_ablating_what_fires_for_numbers_harms_sums_alone(pocket: TorchRuntime) -> None:
    plan = plan_of(controls={"random": 0, "matched": 0}, measures=["loss"])
    found = {
        (each.units, each.task): np.mean(each.values) for each in observe(pocket, make_ready(pocket, plan))
    }
    assert found[0, "addition"] > found[None, "addition"] + 0.1
    assert found[0, "capitals"] < found[None, "capitals"] + 0.1


def test_a_dose_that_changes_nothing_is_not_asked(pocket: TorchRuntime, asked: list[str]) -> None:
    experiment = make_ready(pocket, plan_of(operations=DOSES, measures=["loss"]))
    found = list(observe(pocket, experiment))
    assert len(asked) == experiment.steps == 3 * 2 * 2, "sets, doses that change something, tasks"
    untouched = {each.task: each.values for each in found if each.units is None}
    for each in found:
        unchanged = each.units is None or (each.operation, each.dose) in ((0, 1.0), (1, 0.0))
        assert each.values == (untouched[each.task] if unchanged else (0.5,) * 3)


def test_the_chosen_units_come_first_and_the_controls_in_turn(pocket: TorchRuntime) -> None:
    plan = plan_of(controls={"random": 2, "matched": 1})
    sets = make_ready(pocket, plan).sets
    assert [(each.kind, each.draw) for each in sets] == [
        ("chosen", 0), ("random", 0), ("matched", 0), ("random", 1),
    ]  # fmt: skip
    assert sets[0].units.sum() == sets[1].units.sum() == sets[3].units.sum() == round(0.1 * 8 * 512)
    assert sets[0].norm is not None
    assert sets[2].norm is not None
    assert abs(sets[2].norm ** 2 / sets[0].norm ** 2 - 1) <= 1.0001 * TOLERANCE


def test_a_sweep_edits_each_layer_alone(pocket: TorchRuntime) -> None:
    plan = plan_of(sweep="layers", controls=ONE)
    sets = make_ready(pocket, plan).sets
    assert [each.layer for each in sets if each.kind == "chosen"] == list(range(8))
    for each in sets:
        assert each.layer is not None
        assert each.units.sum(axis=1).tolist() == [51 * (layer == each.layer) for layer in range(8)]


def test_the_runtime_never_has_the_edits(pocket: TorchRuntime, asked: list[str]) -> None:
    """So none are left, wherever an experiment ends."""
    applied: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pocket, "apply_edits", lambda edits: applied.append(len(edits)))
        observations = observe(pocket, make_ready(pocket, plan_of()))
        for each in observations:
            if each.units is not None:
                break
        observations.close()  # type: ignore[attr-defined]  # as Ctrl-C does
    assert asked, "edits were measured"
    assert not applied


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ({"by": "all"}, "none are left to draw"),
        ({"by": "all", "site": "nowhere"}, "units.site is `nowhere`; sites of this model"),
    ],
)
def test_what_does_not_fit_the_model_is_told(pocket: TorchRuntime, units: object, said: str) -> None:
    with pytest.raises(ExperimentError, match=said):
        make_ready(pocket, plan_of(units=units))


def test_protected_units_are_neither_drawn_nor_chosen_as_selective(pocket: TorchRuntime) -> None:
    plan = plan_of(controls={"random": 2, "matched": 1})
    before = make_ready(pocket, plan).sets[0].units
    places = np.argwhere(before)[:40].tolist() + np.argwhere(~before)[::2].tolist()
    units = tuple(
        ProtectedUnit(site="mlp_act", layer=layer, unit=unit, test="loss", evidence="planted")
        for layer, unit in places
    )
    card = pocket.card
    pocket.card = msgspec.structs.replace(card, protected=units)
    try:
        sets = make_ready(pocket, plan).sets
    finally:
        pocket.card = card
    guarded = np.zeros_like(before)
    guarded[tuple(np.transpose(places))] = True
    assert [each.units.sum() for each in sets if each.kind != "matched"] == [before.sum()] * 3
    assert not any((each.units & guarded).any() for each in sets)
