import pytest

from llmri_server.experiments.results import Observation
from llmri_server.experiments.statistics import wilson
from llmri_server.experiments.summary import Condition, summarised
from tests.server.experiments.found import results_of

DOSE = Condition(0, 0.0, None)


def test_each_condition_has_a_row() -> None:
    rows = summarised(results_of())
    assert [(row.condition, row.kind) for row in rows] == [
        (Condition(None, None, None), None), (DOSE, "chosen"), (DOSE, "random"),
    ]  # fmt: skip


def test_the_chosen_set_has_wilsons_interval_and_a_control_that_of_its_draws() -> None:
    _, chosen, random = summarised(results_of())
    assert (chosen.mean, chosen.low, chosen.high) == (0.0, *wilson(0, 10))
    assert random.mean == 0.75
    assert random.low == pytest.approx(0.075)
    assert random.high == 1
    assert (random.draws, random.units) == (4, 2)


def test_p_is_the_share_of_sets_that_harm_as_much() -> None:
    _, chosen, random = summarised(results_of())
    assert chosen.p is None
    assert random.p == pytest.approx(2 / 5), "one draw of four is as bad, and the chosen set itself"


def test_harm_is_a_greater_loss() -> None:
    losses = [Observation(task="addition", measure="loss", values=(0.1, 0.3))]
    losses += [
        Observation(units=number, operation=0, dose=0.0, task="addition", measure="loss", values=(loss,) * 2)
        for number, loss in enumerate((2.0, 0.1, 0.2, 0.1, 3.0))
    ]
    untouched, chosen, random = summarised(results_of(observations=tuple(losses)))
    assert untouched.mean == pytest.approx(0.2)
    assert 0.1 <= untouched.low <= 0.2 <= untouched.high <= 0.3
    assert (chosen.low, chosen.high) == (2, 2)
    assert random.p == pytest.approx(2 / 5)


def test_what_was_not_reached_has_no_row() -> None:
    results = results_of()
    assert len(summarised(results_of(observations=results.observations[:2]))) == 2
    assert summarised(results_of(observations=())) == ()
