"""An experiment on a GGUF file: what it finds on the folder that the file was made of, and by the command."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from llmri.experiment import conduct
from llmri.experiment.command import app
from llmri_server.experiments.results import Results, load
from llmri_server.gguf_export import export_gguf
from llmri_server.pocket import WEIGHTS
from llmri_server.runtimes.registry import load_exactly
from tests.server.experiments.plans import plan_of

pytest.importorskip("llama_cpp")

TOLERANCE = 1e-4  # nats: both compute in float32, and sum in another order
GROUPS = [
    {"name": "numbers", "skills": ["addition"], "questions": 2, "examples": 4},
    {"name": "words", "skills": ["capitals"], "questions": 2, "examples": 4},
    {"name": "own", "prompts": [{"prompt": "What is the opposite of hot?"}]},
]
OPERATIONS = [
    {"op": "scale", "doses": [0, 1, 2]},
    {"op": "scale", "doses": [0], "positions": "generated"},
    {"op": "scale", "doses": [0], "positions": "prompt", "special": False},
    {"op": "add", "doses": [0.1], "positions": [0, 3]},
    {"op": "set", "doses": [0.2]},
    {"op": "mean"},
    {"op": "resample", "seed": 3},
]
SMALL = """
title = "Small"
resamples = 50
[[groups]]
name = "own"
prompts = [{prompt = "What is the capital of France?", reply = "Paris"}]
match = "contains"
[units]
by = "list"
places = [{layer = 6, units = [1, 2, 3]}]
[[operations]]
op = "scale"
doses = [0]
[controls]
random = 1
matched = 1
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("twin") / "pocket-f32.gguf"
    export_gguf(WEIGHTS, path, "f32", name="pocket")
    return path


@pytest.fixture(scope="module")
def twins(file: Path) -> Iterator[tuple[Results, Results]]:
    """What one plan with every operation, measure and control finds on the folder, and on the file."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    plan = plan_of(groups=GROUPS, operations=OPERATIONS, dtype="auto")
    console = Console(quiet=True)
    folder, gguf = (conduct.run(plan, console, load_exactly(model), ()) for model in ("pocket", str(file)))
    yield folder, gguf
    torch.set_num_threads(before)


def values_of(results: Results) -> Mapping[object, tuple[float, ...]]:
    return {each.key: each.values for each in results.observations}


def test_the_same_units_are_chosen_and_drawn(twins: tuple[Results, Results]) -> None:
    folder, gguf = twins
    assert folder.finished
    assert gguf.finished
    assert [each.places for each in folder.sets] == [each.places for each in gguf.sets]
    assert {each.kind for each in gguf.sets} == {"chosen", "random", "matched"}


@pytest.mark.parametrize("measure", ["score", "loss", "kl"])
def test_every_measure_is_the_same(twins: tuple[Results, Results], measure: str) -> None:
    folder, gguf = (
        {key: values for key, values in values_of(each).items() if key[-1] == measure}  # type: ignore[index]
        for each in twins
    )
    assert folder.keys() == gguf.keys()
    sets, doses, tasks = 3, 9, 2 if measure != "kl" else 3
    assert len(folder) == (1 + sets * doses) * tasks
    for key, values in folder.items():
        np.testing.assert_allclose(gguf[key], values, atol=TOLERANCE, rtol=TOLERANCE, err_msg=str(key))


def test_the_command_takes_a_file(file: Path, tmp_path: Path) -> None:
    plan, out = tmp_path / "small.toml", tmp_path / "out"
    plan.write_text(SMALL, encoding="utf-8")
    done = CliRunner().invoke(app, [str(plan), "--model", str(file), "--out", str(out)])
    assert done.exit_code == 0, done.output
    results = load(out / "results.json")
    assert results.finished
    assert results.plan.model == str(file)
    assert results.versions["llama-cpp-python"]
    again = CliRunner().invoke(app, ["--again", str(out / "results.json")])
    assert again.exit_code == 0, again.output
    assert "figures are equal" in again.output


def test_a_type_that_a_file_has_not_is_told_in_a_sentence(file: Path, tmp_path: Path) -> None:
    plan = tmp_path / "small.toml"
    plan.write_text(f'dtype = "float32"\nmodel = "{file}"\n{SMALL}', encoding="utf-8")
    done = CliRunner().invoke(app, [str(plan)])
    assert done.exit_code == 1
    assert f"{file} cannot be loaded as float32" in " ".join(done.output.split())
