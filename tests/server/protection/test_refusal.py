from collections.abc import Sequence

import msgspec
import pytest

from llmri_protocol.messages import Edit, ProtectedUnit, ProtectionTest
from llmri_server.protection import ProtectedError, refuse_ablations
from tests.server.fakes import CARD, WIDTH


def protected(unit: int, test: ProtectionTest, evidence: str = "seen") -> ProtectedUnit:
    return ProtectedUnit(site="resid_post", layer=2, unit=unit, test=test, evidence=evidence)


EVIDENCE = "812 on the first token, 9,400 times the median"
GUARDED = msgspec.structs.replace(
    CARD, protected=(protected(3, "massive", EVIDENCE), protected(5, "loss"), protected(6, "list"))
)
E3 = tuple(float(unit == 3) for unit in range(WIDTH))


def edit(*units: int, layer: int = 2, **fields: object) -> Edit:
    return msgspec.convert({"site": "resid_post", "layer": layer, "units": units, **fields}, Edit)


def refused(edits: Sequence[Edit], *, force: bool = False, allowed: bool = False) -> str:
    with pytest.raises(ProtectedError) as told:
        refuse_ablations(edits, GUARDED, force=force, allowed=allowed)
    return str(told.value)


def passes(edits: Sequence[Edit], *, force: bool = False, allowed: bool = False) -> None:
    refuse_ablations(edits, GUARDED, force=force, allowed=allowed)


def test_ablation_is_refused_by_name_with_evidence_and_with_what_passes() -> None:
    said = refused([edit(1), edit(2, 3)])
    assert "unit 3 of `resid_post`, layer 2 is protected" in said
    assert f"massive activation: {EVIDENCE}" in said
    assert "`mean` is let through" in said
    assert "0.95 to 1.05" in said
    assert "--allow-protected" in said


def test_several_protected_units_are_counted() -> None:
    assert "(and 2 more here)" in refused([edit(3, 5), edit(6, op="set", value=1.0)])


@pytest.mark.parametrize("value", [0.95, 1.0, 1.05])
def test_small_changes_pass(value: float) -> None:
    passes([edit(3, 5, 6, value=value)])


@pytest.mark.parametrize("value", [0.0, 0.94, 1.06, -1.0, 4.0])
def test_larger_factors_are_refused(value: float) -> None:
    refused([edit(5, value=value)])


@pytest.mark.parametrize(
    "ablation",
    [
        edit(3, op="set", value=812.0),
        edit(3, op="add", value=-812.0),
        edit(3, op="resample"),
        edit(3, positions="last"),
        edit(3, schedule={"first": 3, "tokens": 1}),
        edit(op="steer", value=-812.0, direction=E3),
    ],
    ids=lambda ablation: ablation.op,
)
def test_every_other_way_to_take_a_unit_away_is_refused(ablation: Edit) -> None:
    refused([ablation])


def test_the_mean_of_a_massive_activation_passes_and_of_other_protected_units_not() -> None:
    passes([edit(3, op="mean")])
    assert "`mean` is let through" not in refused([edit(5, op="mean")])
    refused([edit(6, op="mean")])


def test_steering_the_whole_site_passes() -> None:
    passes([edit(op="steer", value=8.0, direction=(1.0,) * WIDTH)])
    passes([edit(op="steer", value=0.0, direction=E3)])


def test_other_places_are_free() -> None:
    passes([edit(3, layer=1), Edit(site="mlp_act", layer=2, units=(3,)), edit(4)])


def test_force_needs_a_server_that_allows_it() -> None:
    passes([edit(3)], force=True, allowed=True)
    assert "forcing it needs a server started with --allow-protected" in refused([edit(3)], force=True)
    assert refused([edit(3)], allowed=True).endswith("or force it with `force`")
