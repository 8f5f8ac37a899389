from pathlib import Path

import msgspec
import pytest
from PIL import Image
from rich.console import Console

from llmri.experiment.plots.choice import draw
from llmri.experiment.table import tables
from llmri.experiment.wording import figure, interval
from llmri_server.experiments.results import Observation, Results, SetRecord
from llmri_server.experiments.summary import summarised
from tests.server.experiments.found import PLACES, results_of
from tests.server.experiments.plans import plan_of


def printed(results: Results, width: int) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        for table in tables(results, summarised(results), width):
            console.print(table)
    return captured.get()


def test_the_table_tells_figure_interval_draws_and_p() -> None:
    text = printed(results_of(), 100)
    for said in ("scale 0", "100%", "72 to 100%", "random, equal number", "2 units, 4 draws", "p 0.40"):
        assert said in text, text


def test_a_narrow_terminal_gets_several_tables() -> None:
    observed = tuple(
        Observation(task=name, measure="score", values=(1.0,)) for name in ("addition", "capitals")
    )
    task = results_of().tasks[0]
    results = results_of(
        observations=observed,
        tasks=(task, msgspec.structs.replace(task, name="capitals")),
        plan=plan_of(measures=["score"]),
    )
    assert printed(results, 150).count("Answered rightly") == 1
    assert printed(results, 60).count("Answered rightly") == 2


@pytest.mark.parametrize(
    ("value", "written"), [(0.0, "0"), (0.0001, "<0.001"), (0.0127, "0.013"), (12.5, "12.500")]
)
def test_small_figures_are_not_written_as_nothing(value: float, written: str) -> None:
    assert figure(value, "kl") == written


def test_an_interval_without_width_is_one_figure() -> None:
    assert interval(1, 1, "score") == "100%"
    assert interval(0.5, 1, "score") == "50 to 100%"


def swept(results: Results) -> Results:
    """Return the same as a sweep over two layers."""
    sets = tuple(SetRecord(kind="chosen", layer=layer, units=2, places=PLACES) for layer in range(2))
    observations = tuple(each for each in results.observations if each.units is None or each.units < 2)
    plan = msgspec.structs.replace(results.plan, sweep="layers")
    return msgspec.structs.replace(results, plan=plan, sets=sets, observations=observations)


def dosed(results: Results) -> Results:
    """Return the same at three doses."""
    operations = plan_of(operations=[{"op": "scale", "doses": [0, 1, 2]}]).operations
    observations = tuple(
        msgspec.structs.replace(each, dose=dose)
        for each in results.observations
        for dose in ((0.0, 1.0, 2.0) if each.units is not None else (None,))
    )
    plan = msgspec.structs.replace(results.plan, operations=operations)
    return msgspec.structs.replace(results, plan=plan, observations=observations)


@pytest.mark.parametrize(
    ("results", "name"),
    [
        (results_of(), "score.png"),
        (swept(results_of()), "score.png"),
        (dosed(results_of()), "score-1-scale.png"),
    ],
    ids=["bars", "heat map", "curves"],
)
def test_every_kind_of_experiment_has_its_picture(results: Results, name: str, tmp_path: Path) -> None:
    assert draw(results, summarised(results), tmp_path) == (tmp_path / name,)
    with Image.open(tmp_path / name) as picture:
        assert picture.width > 300
        assert len(set(picture.convert("L").tobytes())) > 10
