from pathlib import Path

import msgspec
import pytest

from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.results import differences, load, save
from tests.server.experiments.found import results_of


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    save(results_of(), tmp_path / "results.json")
    assert load(tmp_path / "results.json") == results_of()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "something else"}'])
def test_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    with pytest.raises(ExperimentError, match=r"x\.json holds no results"):
        load(tmp_path / "x.json")


def test_another_format_is_refused(tmp_path: Path) -> None:
    save(results_of(format="llmri experiment 9"), tmp_path / "x.json")
    with pytest.raises(ExperimentError, match="llmri experiment 9"):
        load(tmp_path / "x.json")


def test_equal_results_do_not_differ() -> None:
    assert differences(results_of(), results_of()) == (60, 0, 0)


def test_one_other_figure_is_found() -> None:
    before = results_of()
    first, *others = before.observations
    changed = msgspec.structs.replace(first, values=(0.75, *first.values[1:]))
    after = msgspec.structs.replace(before, observations=(changed, *others))
    assert differences(before, after) == (60, 1, 0.25)


def test_figures_that_are_missing_differ() -> None:
    before = results_of()
    after = msgspec.structs.replace(before, observations=before.observations[1:])
    assert differences(before, after)[:2] == (60, 10)
