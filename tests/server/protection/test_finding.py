import re
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from llmri_protocol.messages import Edit, ProtectedUnit, SiteCard
from llmri_server.protection import Examination, protect
from llmri_server.protection.candidates import MOST, choose, loss
from llmri_server.protection.magnitudes import Outlier, Unit, outliers
from llmri_server.protection.massive import Massive
from llmri_server.runtime import Measured, NonFiniteError, UnsupportedError
from llmri_server.settings import Settings
from tests.server.fakes import CARD, LAYERS, VOCABULARY, WIDTH, FakeRuntime

RESID_PRE = SiteCard(name="resid_pre", width=WIDTH, editable=True, unit="residual direction")
MASSIVE, CARRIER = 5, 2
WORDS = 4  # different tokens of the text that `carrying` reads


def with_massive_unit() -> FakeRuntime:
    """Make a model whose unit 5 is huge on the first token of the calibration text."""
    runtime = FakeRuntime()
    first = runtime.text_ids("The")[0]
    runtime.model._embedding[first, MASSIVE] = -40_000
    return runtime


def carrying() -> FakeRuntime:
    """Make a model that knows which tokens come at all, by one unit that is always on."""

    class Carrying(FakeRuntime):
        def text_ids(self, text: str) -> tuple[int, ...]:
            return tuple(number % WORDS for number in range(len(text.split())))

    runtime = Carrying()
    model = runtime.model
    model._embedding[:, CARRIER] = 30
    model._out[:, :, CARRIER] = 0
    model._unembedding[:] = 0
    model._unembedding[CARRIER, :WORDS] = 1
    return runtime


def addresses(units: Sequence[ProtectedUnit]) -> list[tuple[str, int, int]]:
    return [(unit.site, unit.layer, unit.unit) for unit in units]


def test_a_planted_massive_unit_is_found_in_every_layer_with_its_evidence() -> None:
    units = [unit for unit in protect(with_massive_unit(), Settings()) if unit.test == "massive"]
    assert addresses(units) == [("resid_post", layer, MASSIVE) for layer in range(LAYERS)]
    for unit in units:
        assert re.match(r"-(40,0|39,9)\d\d on the first token, ", unit.evidence)
        assert "times the median; zeroing it alone takes the loss from" in unit.evidence
        assert ", its mean to " in unit.evidence


def test_a_model_without_any_reports_none() -> None:
    assert protect(FakeRuntime(), Settings()) == ()


def test_a_unit_that_carries_the_loss_is_found_with_both_losses() -> None:
    units = protect(carrying(), Settings())
    assert addresses(units) == [("resid_post", layer, CARRIER) for layer in range(LAYERS)]
    said = (
        f"zeroing it alone takes the loss from {np.log(WORDS):.2f} to {np.log(VOCABULARY):.2f} nats a token"
    )
    assert {(unit.test, unit.evidence) for unit in units} == {("loss", said)}


def test_the_loss_must_rise_by_more_than_what_is_set() -> None:
    rise = np.log(VOCABULARY / WORDS)
    assert protect(carrying(), Settings(protect_nats=rise - 0.01))
    assert not protect(carrying(), Settings(protect_nats=rise + 0.01))


def test_what_leaves_a_block_is_protected_where_it_enters_the_next() -> None:
    runtime = with_massive_unit()
    runtime.card = msgspec.structs.replace(CARD, sites=(*CARD.sites, RESID_PRE))
    run = runtime.model.run

    def with_inputs(*given: Any, **more: Any) -> Any:
        logits, seen = run(*given, **more)
        inputs = {("resid_pre", layer): np.ones_like(seen["resid_post", 0]) for layer in range(LAYERS)}
        return logits, seen | inputs

    runtime.model.run = with_inputs  # type: ignore[method-assign]
    units = protect(runtime, Settings(protect="massive"))
    before = [("resid_pre", layer + 1, MASSIVE) for layer in range(LAYERS - 1)]
    assert addresses(units) == [*(("resid_post", layer, MASSIVE) for layer in range(LAYERS)), *before]


@pytest.mark.parametrize(("kind", "count"), [("massive", LAYERS), ("lists", 0), ("none", 0)])
def test_the_setting_says_where_to_look(kind: Any, count: int) -> None:
    assert len(protect(with_massive_unit(), Settings(protect=kind))) == count
    assert protect(carrying(), Settings(protect=kind)) == ()


@pytest.mark.parametrize("error", [UnsupportedError, NonFiniteError])
def test_a_runtime_that_measures_nothing_has_only_what_is_listed(error: type[Exception]) -> None:
    runtime = FakeRuntime()
    runtime.card = msgspec.structs.replace(CARD, name="Llama-2-7b-hf", family="llama")

    def fail() -> None:
        raise error

    runtime.before_pass = fail
    assert protect(runtime, Settings()) == ()


def test_an_ablation_that_gives_no_numbers_costs_infinitely_much_and_a_broken_model_is_told() -> None:
    class Fragile(FakeRuntime):
        def measure(self, ids: Sequence[int], variants: Sequence[Sequence[Edit]], **more: Any) -> Measured:
            if any(edit.units == (3,) for edits in variants for edit in edits):
                raise NonFiniteError("no numbers")
            return super().measure(ids, variants, **more)

    edits = [Edit(site="resid_post", layer=0, units=(unit,)) for unit in (2, 3, 4)]
    given = [loss(Fragile(), (1, 2, 3), [edit]) for edit in edits]
    assert [np.isfinite(each) for each in given] == [True, False, True]
    broken = FakeRuntime()
    broken.model._unembedding[:] = np.inf
    with pytest.raises(NonFiniteError):
        loss(broken, (1, 2, 3), [])


def test_the_loss_is_the_mean_cross_entropy_of_the_next_token() -> None:
    runtime, ids = FakeRuntime(), (1, 2, 3, 4)
    logits = runtime.model.run(ids)[0]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wanted = -np.log([probabilities[at, ids[at + 1]] for at in range(3)]).mean()
    assert loss(runtime, ids, []) == pytest.approx(wanted, rel=1e-5)


def test_every_step_is_one_pass_and_all_of_them_are_counted_before() -> None:
    runtime = with_massive_unit()
    rows: list[int] = []
    measure = runtime.measure

    def counted(ids: Sequence[int], variants: Sequence[Sequence[Edit]], **more: Any) -> Measured:
        rows.append(len(variants))
        return measure(ids, variants, **more)

    runtime.measure = counted  # type: ignore[method-assign]
    examination = Examination(runtime, 1.0)
    assert rows == []
    assert examination.total == 2 + 1 + MOST  # a pass a site, the model as it is, and an ablation each
    totals = []
    while examination.advance():
        assert len(rows) == examination.done
        totals.append(examination.total)
    assert set(rows) == {1}
    means = 1 + LAYERS  # one that learns all means, and one each
    assert examination.done == len(rows) == totals[-1] == 2 + 1 + MOST + means
    assert totals[2:] == [len(rows)] * (len(rows) - 2)


def test_what_is_massive_is_known_before_any_ablation() -> None:
    examination = Examination(with_massive_unit(), 1.0)
    for _ in range(2):
        examination.advance()
    assert addresses(examination.found()) == [("resid_post", layer, MASSIVE) for layer in range(LAYERS)]


def test_means_are_over_the_calibration_text_whatever_was_said() -> None:
    runtime = with_massive_unit()
    seen: list[Edit] = []
    measure = runtime.measure

    def noted(ids: Sequence[int], variants: Sequence[Sequence[Edit]], **more: Any) -> Measured:
        seen.extend(edit for edits in variants for edit in edits if edit.op == "mean")
        return measure(ids, variants, **more)

    runtime.measure = noted  # type: ignore[method-assign]
    protect(runtime, Settings())
    assert {edit.baseline for edit in seen} == {"calibration"}


def test_the_largest_of_each_site_are_tried_in_turn_after_the_massive_ones() -> None:
    ranked = {
        site: [Outlier(ratio, Unit(site, 0, int(ratio))) for ratio in np.arange(100.0) * factor]
        for site, factor in (("resid_post", 1), ("mlp_act", 1000))
    }
    massive = [Massive("resid_post", 0, unit, 1.0, float(unit), (0,)) for unit in range(20)]
    chosen = choose(massive, ranked)
    assert len(chosen) == len(set(chosen)) == MOST
    assert [unit.unit for unit in chosen[:16]] == list(range(19, 3, -1))
    assert chosen[16:20] == [
        Unit("resid_post", 0, 99),
        Unit("mlp_act", 0, 99_000),
        Unit("resid_post", 0, 98),
        Unit("mlp_act", 0, 98_000),
    ]


def test_a_place_that_is_all_zero_has_no_outliers() -> None:
    assert outliers("mlp_act", 0, np.zeros((3, 4), np.float32), 2) == []
