from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from llmri.demo.report import draw_chart, results_table, write_csv
from llmri_server.experiments.ablation import ConditionScores

SKILLS = ("addition", "stories")
OUTCOMES = (
    ConditionScores("untouched", 0, ({"addition": 0.98, "stories": 1.0},)),
    ConditionScores("random", 40, ({"addition": 0.5, "stories": 1.0}, {"addition": 1.0, "stories": 0.9})),
)


def test_an_outcome_gives_mean_and_spread_over_its_draws() -> None:
    assert OUTCOMES[1].mean("addition") == pytest.approx(0.75)
    assert OUTCOMES[1].spread("addition") == (0.5, 1.0)


def test_the_table_has_every_skill_and_the_spread_where_there_is_one() -> None:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(results_table(OUTCOMES, SKILLS))
    text = captured.get()
    assert "98%" in text
    assert "75%" in text
    assert "50%-100%" in text
    assert "40 units" in text


def test_the_csv_has_a_line_for_every_draw(tmp_path: Path) -> None:
    write_csv(OUTCOMES, SKILLS, tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "condition,units,draw,skill,share"
    assert lines[1:] == [
        "untouched,0,0,addition,0.9800",
        "untouched,0,0,stories,1.0000",
        "random,40,0,addition,0.5000",
        "random,40,0,stories,1.0000",
        "random,40,1,addition,1.0000",
        "random,40,1,stories,0.9000",
    ]


def test_the_chart_is_a_picture(tmp_path: Path) -> None:
    draw_chart(OUTCOMES, SKILLS, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.width > 800
        assert len(set(picture.convert("L").tobytes())) > 10
