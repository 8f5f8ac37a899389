from pathlib import Path
from typing import Any

import pytest

from llmri_server.experiments.checking import check
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.plan import Question
from llmri_server.experiments.plan_file import read
from tests.server.experiments.plans import SMALL, plan_of

NUMBERS, WORDS = SMALL["groups"]
OWN = {"name": "own", "prompts": [{"prompt": "a"}, {"prompt": "b"}]}
FILE = """
title = "T"
[[groups]]
name = "own"
file = "prompts.txt"
[units]
by = "all"
[[operations]]
op = "scale"
doses = [0]
"""


def test_the_small_plan_makes_sense() -> None:
    check(plan_of())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"groups": [NUMBERS, NUMBERS]}, "groups has `numbers` 2 times"),
        ({"groups": [NUMBERS, NUMBERS | {"name": "again"}]}, "groups.skills has `addition` 2 times"),
        ({"groups": [NUMBERS, {"name": "x", "skills": ["poem"]}]}, "did you mean `poems`"),
        ({"groups": [NUMBERS, {"name": "x"}]}, "groups.x needs either `skills` or prompts"),
        ({"groups": [NUMBERS, {"name": "x", "prompts": [{"prompt": "a", "reply": "b"}, {"prompt": "c"}]}]},
         "1 of 2 prompts have a `reply`"),
        ({"groups": [group | {"use": "choose"} for group in (NUMBERS, WORDS)]}, "no group is asked"),
        ({"groups": [NUMBERS, WORDS | {"use": "ask"}]}, "there is no other group"),
        ({"groups": [OWN], "units": {"by": "all"}}, 'measures has "score"'),
        ({"units": {"by": "selective", "group": "number", "share": 0.1}}, "units.group has `number`"),
        ({"units": {"by": "selective", "group": "numbers"}}, "either a `count` or a `share`"),
        ({"units": {"by": "selective", "group": "numbers", "share": 0.1, "count": 3}}, "either a `count`"),
        ({"units": {"by": "selective", "group": "numbers", "share": 0.1, "against": ["numbers"]}},
         "units.against"),
        ({"units": {"by": "clusters", "file": "x"}}, "either the `numbers` of clusters or a `group`"),
        ({"units": {"by": "list", "places": [{"layer": 1, "units": [1]}, {"layer": 1, "units": [2]}]}},
         "units.places has `layer 1` 2 times"),
        ({"operations": [{"op": "scale"}]}, "operations[0]: `scale` needs `doses`"),
        ({"operations": [{"op": "mean", "doses": [0]}]}, "`mean` takes no `doses`"),
        ({"operations": [{"op": "scale", "doses": [0, 0]}]}, "operations[0].doses has `0` 2 times"),
        ({"operations": [{"op": "set", "doses": [float("inf")]}]}, "not finite"),
        ({"operations": [{"op": "scale", "doses": [0], "positions": "last"}]}, 'positions = "last"'),
        ({"measures": ["kl", "kl"]}, "measures has `kl` 2 times"),
        ({"controls": {"norm_over": "nobody"}}, "controls.norm_over has `nobody`"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ExperimentError) as raised:
        check(plan_of(**changes))
    assert said in str(raised.value)


def written(folder: Path, text: str, prompts: str = "Hello\n") -> Path:
    (folder / "prompts.txt").write_text(prompts, encoding="utf-8")
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "T"', "titel = 1", "did you mean `title`"),
        ('op = "scale"', 'op = "boost"', "operations[0].op"),
        ("doses = [0]", 'doses = ["much"]', "operations[0].doses[0]"),
        ('by = "all"', 'by = "chance"', "units"),
        ('name = "own"', 'name = "own"\nquestions = 0', "groups[0].questions"),
        ("[units]", "[units", "no valid TOML"),
        ('file = "prompts.txt"', 'file = "none.txt"', "none.txt: No such file"),
    ],
)
def test_a_bad_key_or_value_of_the_file_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ExperimentError) as raised:
        read(written(tmp_path, FILE.replace(old, new)))
    assert said in str(raised.value)
    assert "plan.toml" in str(raised.value)


def test_prompts_of_a_file_come_into_the_plan(tmp_path: Path) -> None:
    text = "# sums\n\n2 + 2 =\t4\nWhat is 1 + 1?\t2\n"
    group = read(written(tmp_path, FILE, text)).groups[0]
    assert group.file == ""
    assert group.prompts == (
        Question(prompt="2 + 2 =", reply="4"),
        Question(prompt="What is 1 + 1?", reply="2"),
    )


def test_a_file_without_prompts_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="holds no prompts"):
        read(written(tmp_path, FILE, "# nothing\n"))


def test_the_example_of_the_docs_makes_sense(tmp_path: Path) -> None:
    docs = (Path(__file__).parents[3] / "docs" / "experiments.md").read_text(encoding="utf-8")
    (tmp_path / "more.txt").write_text("What is the capital of Italy?\tRome\n", encoding="utf-8")
    plan = read(written(tmp_path, docs.split("```toml\n")[1].split("```")[0]))
    assert [operation.op for operation in plan.operations] == ["scale", "mean"]
    assert len(plan.groups[2].prompts) == 2
