"""The command on a plan cut down to a few questions, in this process and with the real model."""

import csv
from pathlib import Path

import msgspec
import pytest
from PIL import Image
from typer.testing import CliRunner

from llmri.experiment import conduct
from llmri.experiment.command import app
from llmri.experiment.plans import planned
from llmri.experiment.shipped import shipped
from llmri_protocol.command_line import INTERRUPTED
from llmri_server.experiments import running
from llmri_server.experiments.results import load, save
from tests.server.experiments.found import results_of

PLAN = """
title = "Small"
device = "cpu"
dtype = "float32"
resamples = 50
measures = ["score", "kl"]
[[groups]]
name = "numbers"
skills = ["addition"]
questions = 2
examples = 3
[[groups]]
name = "own"
prompts = [{prompt = "What is the capital of France?", reply = "Paris"}]
match = "contains"
[units]
by = "selective"
group = "numbers"
share = 0.1
[[operations]]
op = "scale"
doses = [0]
[controls]
random = 1
matched = 1
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_an_experiment_leaves_all_that_it_found_and_repeats(plan: Path, tmp_path: Path) -> None:
    out = tmp_path / "what it found"
    status, said = run(plan, "--out", out)
    assert status == 0, said
    assert "Answered rightly" in said
    results = load(out / "results.json")
    assert results.finished
    assert results.versions["torch"]
    assert [each.kind for each in results.sets] == ["chosen", "random", "matched"]
    with (out / "table.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["set"] for row in rows} == {"untouched", "chosen", "random", "matched"}
    assert {row["measure"] for row in rows} == {"score", "kl"}
    for name in ("score", "kl"):
        with Image.open(out / f"{name}.png") as picture:
            assert len(set(picture.convert("L").tobytes())) > 20, name
    status, said = run("--again", out / "results.json")
    assert status == 0, said
    assert "figures are equal" in said


def test_figures_that_moved_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = results_of().observations
    moved = msgspec.structs.replace(first, values=(0.5, *first.values[1:]))
    save(results_of(observations=(moved, *others)), tmp_path / "moved.json")
    monkeypatch.setattr(conduct, "run", lambda *_: results_of())
    status, said = run("--again", tmp_path / "moved.json")
    assert status == 1
    assert "1 of 60 figures differ, by at most 0.5. Versions and device are the same." in " ".join(
        said.split()
    )


def test_ctrl_c_leaves_what_is_done(plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> object:
        yield next(observing(*arguments))  # type: ignore[arg-type]
        raise KeyboardInterrupt

    observing = running.observe
    monkeypatch.setattr(conduct, "observe", interrupted)
    status, said = run(plan, "--out", tmp_path)
    assert status == INTERRUPTED
    assert "Unfinished: ended by Ctrl-C" in said
    results = load(tmp_path / "results.json")
    assert not results.finished
    assert len(results.observations) == 1


def test_a_mistake_is_told_in_a_sentence(plan: Path, tmp_path: Path) -> None:
    plan.write_text(PLAN.replace("share = 0.1", "share = 10"), encoding="utf-8")
    status, said = run(plan, "--out", tmp_path)
    assert status == 1
    assert said.startswith("llmri experiment: ")
    assert "units.share" in said
    assert said.count("\n") == 1


def test_a_gguf_file_that_is_not_there_is_told(plan: Path, tmp_path: Path) -> None:
    plan.write_text(PLAN.replace('dtype = "float32"\n', ""), encoding="utf-8")
    status, said = run(plan, "--model", "nowhere/model.gguf", "--out", tmp_path)
    assert status == 1
    assert "llmri experiment: nowhere/model.gguf cannot be read: No such file or directory\n" in said


def test_another_model_goes_with_a_file_alone(tmp_path: Path) -> None:
    assert run("--again", tmp_path / "results.json", "--model", "pocket")[0] == 2


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    status, said = run("mathematics")
    assert status == 1
    assert "did you mean `mathematics-and-poetry`" in said


def test_exactly_one_thing_is_asked_for(plan: Path) -> None:
    assert run()[0] == 2
    assert run(plan, "--list")[0] == 2


def test_the_bundled_experiments_are_listed_and_make_sense() -> None:
    status, said = run("--list")
    assert status == 0
    assert set(shipped()) == {"mathematics-and-poetry", "dose", "layers"}
    for name in shipped():
        assert name in said
        assert planned(name).about
