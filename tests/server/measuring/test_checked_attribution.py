from typing import Any

import numpy as np
import pytest

from llmri_protocol.messages import Edit
from llmri_server.measuring import CheckedAttribution, attribution
from llmri_server.measuring.checked_attribution import sample_units
from llmri_server.runtime import StoppedError
from tests.server.fakes import WIDTH, FakeRuntime
from tests.server.measuring.told import Told

IDS = tuple(range(20, 30))


def attributed(runtime: FakeRuntime, told: Told, **changes: Any) -> CheckedAttribution:
    settings = {"target": None, "method": "gradient", "checked": 6} | changes
    return attribution(runtime, IDS, "mlp_act", 1, progress=told.progress, stop=told.stop, **settings)


def test_effects_are_the_fall_of_the_logit_under_each_ablation(runtime: FakeRuntime, told: Told) -> None:
    found = attributed(runtime, told, target=42)
    assert len(found.checked) == len(found.effects) == 6
    plain = runtime.model.run(IDS)[0][-1, 42]
    for unit, effect in zip(found.checked, found.effects, strict=True):
        ablated = runtime.model.run(IDS, [Edit(site="mlp_act", layer=1, units=(unit,))])[0][-1, 42]
        assert effect == pytest.approx(plain - ablated, abs=1e-4)


def test_the_target_is_the_likeliest_unless_named(runtime: FakeRuntime, told: Told) -> None:
    logits = runtime.model.run(IDS)[0][-1]
    found = attributed(runtime, told)
    assert found.target.id == logits.argmax()
    assert found.target.logprob == pytest.approx(logits.max() - np.logaddexp.reduce(logits), abs=1e-5)
    assert attributed(runtime, told, target=7).target.text == "w7 "


@pytest.mark.parametrize("method", ["gradient", "integrated"])
def test_attribution_and_measured_effect_go_together(runtime: FakeRuntime, told: Told, method: str) -> None:
    found = attributed(runtime, told, method=method, checked=WIDTH)
    expected = np.corrcoef(found.values[list(found.checked)], found.effects)[0, 1]
    assert found.pearson == pytest.approx(expected)
    assert found.pearson is not None
    assert found.pearson > 0.7
    assert found.spearman is not None


def test_without_checked_units_there_is_no_correlation(runtime: FakeRuntime, told: Told) -> None:
    found = attributed(runtime, told, checked=0)
    assert (found.checked, found.effects, found.pearson, found.spearman) == ((), (), None, None)
    assert found.values.shape == (WIDTH,)


def test_half_of_the_sample_is_the_strongest_and_half_is_drawn() -> None:
    values = np.random.default_rng(1).normal(size=1000).astype(np.float32)
    sample = sample_units(values, 24)
    assert len(set(sample)) == 24
    assert sample[:12] == tuple(np.argsort(-np.abs(values))[:12])
    assert list(sample[12:]) == sorted(sample[12:])
    assert sample == sample_units(values, 24)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 8, 9, 1024])
def test_a_sample_is_never_larger_than_the_layer(count: int) -> None:
    values = np.arange(8, dtype=np.float32)
    assert len(set(sample_units(values, count))) == min(count, 8)


def test_progress_counts_the_units_and_stop_ends_between_batches(runtime: FakeRuntime, told: Told) -> None:
    attributed(runtime, told, checked=WIDTH)
    counts = [done for done, _, _ in told.steps]
    assert counts == sorted(counts)
    assert told.steps[-1][:2] == (1 + WIDTH, 1 + WIDTH)
    told.stop_after = len(told.steps) + 2
    with pytest.raises(StoppedError):
        attributed(runtime, told, checked=WIDTH)
