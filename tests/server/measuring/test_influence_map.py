import numpy as np
import pytest
from scipy.special import rel_entr, softmax  # type: ignore[import-untyped]

from llmri_protocol.messages import Edit
from llmri_server.measuring import InfluenceMap, influence
from llmri_server.measuring.influence_map import relative_change
from llmri_server.runtime import NonFiniteError, StoppedError
from tests.server.fakes import LAYERS, WIDTH, FakeRuntime
from tests.server.measuring.told import Told

IDS = tuple(range(5, 17))


def edit(layer: int = 1, unit: int = 2, value: float = 0.0) -> Edit:
    return Edit(site="mlp_act", layer=layer, units=(unit,), value=value)


def measured(runtime: FakeRuntime, told: Told, *edits: Edit, site: str = "resid_post") -> InfluenceMap:
    return influence(runtime, IDS, edits, site, progress=told.progress, stop=told.stop)


def test_the_map_is_what_two_runs_by_hand_give(runtime: FakeRuntime, told: Told) -> None:
    found = measured(runtime, told, edit(), edit(layer=2, unit=5, value=3.0))
    (plain_logits, plain), (edited_logits, edited) = (
        runtime.model.run(IDS, edits) for edits in ((), (edit(), edit(layer=2, unit=5, value=3.0)))
    )
    assert found.layers == (1, 2)
    assert found.change.shape == (2, WIDTH)
    for row, layer in enumerate(found.layers):
        before, after = plain["resid_post", layer], edited["resid_post", layer]
        by_hand = [
            np.sqrt(np.mean((after[:, unit] - before[:, unit]) ** 2)) / np.std(before[:, unit])
            for unit in range(WIDTH)
        ]
        np.testing.assert_allclose(found.change[row], by_hand, rtol=1e-5)
    p, q = (softmax(logits[-1]) for logits in (plain_logits, edited_logits))
    assert found.kl == pytest.approx(rel_entr(p, q).sum(), rel=1e-5)
    assert [shift.id for shift in found.gains] == list(np.argsort(p - q)[:10])
    assert [shift.id for shift in found.losses] == list(np.argsort(q - p)[:10])
    assert found.gains[0].after == pytest.approx(np.log(q[found.gains[0].id]), abs=1e-5)


def test_an_edit_that_changes_nothing_has_no_influence(runtime: FakeRuntime, told: Told) -> None:
    found = measured(runtime, told, edit(value=1.0))
    assert not found.change.any()
    assert (found.kl, found.gains, found.losses) == (0.0, (), ())


def test_layers_that_do_not_fit_at_once_take_several_passes(
    runtime: FakeRuntime, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = measured(runtime, told, edit(layer=0))
    monkeypatch.setattr("llmri_server.measuring.influence_map.ROW_BYTES", 2 * 2 * len(IDS) * WIDTH * 4)
    passes = []
    runtime.before_pass = lambda: passes.append(1)
    parted = measured(runtime, told, edit(layer=0))
    assert len(passes) == 2
    assert whole.layers == parted.layers == tuple(range(LAYERS))
    np.testing.assert_array_equal(whole.change, parted.change)


def test_it_tells_how_far_it_is_and_stops_when_asked(runtime: FakeRuntime, told: Told) -> None:
    measured(runtime, told, edit())
    assert told.steps == [(0, 1, "layers 1 to 2"), (1, 1, "layers 1 to 2")]
    told.stop.set()
    with pytest.raises(StoppedError):
        measured(runtime, told, edit())


@pytest.mark.filterwarnings("ignore:overflow")
def test_an_edit_that_breaks_the_model_is_told(runtime: FakeRuntime, told: Told) -> None:
    with pytest.raises(NonFiniteError):
        measured(runtime, told, *(Edit(site="resid_post", layer=n, units=(0,), value=3e38) for n in (1, 2)))


def test_a_unit_that_is_constant_is_measured_by_the_spread_of_its_layer() -> None:
    rng = np.random.default_rng(0)
    plain = rng.normal(size=(20, 1, 4)).astype(np.float32)
    plain[:, 0, 1] = 7
    edited = plain.copy()
    edited[:, 0, 1] += 2
    spreads = plain[:, 0].std(axis=0)
    found = relative_change(plain, edited)
    assert found[0, 1] == pytest.approx(2 / np.sqrt(np.mean(spreads**2)), rel=1e-5)
    assert not found[0, [0, 2, 3]].any()


def test_over_one_position_the_change_is_relative_to_the_size_of_the_layer() -> None:
    plain = np.array([[[3, 4]]], dtype=np.float32)
    found = relative_change(plain, plain + 1)
    np.testing.assert_allclose(found, 1 / np.sqrt((9 + 16) / 2), rtol=1e-6)


def test_a_layer_of_zeros_is_measured_as_it_is() -> None:
    plain = np.zeros((3, 1, 2), dtype=np.float32)
    np.testing.assert_array_equal(relative_change(plain, plain + 5), [[5, 5]])
