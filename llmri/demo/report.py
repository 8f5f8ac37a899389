"""What the demo's experiment found, as a table, as CSV and as a bar chart."""

import csv
from collections.abc import Sequence
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from rich.table import Table

from llmri.experiment.plots.style import COLOURS, DPI, plain
from llmri_protocol.user_files import whole, whole_text
from llmri_server.experiments.ablation import ConditionScores


def results_table(outcomes: Sequence[ConditionScores], skills: Sequence[str]) -> Table:
    """Lay out the share answered rightly: a row a skill, a column a condition, the spread over draws."""
    table = Table(title="Answered rightly: held-out questions, greedy; below, the spread over draws")
    table.add_column("skill", no_wrap=True)
    for outcome in outcomes:
        heading = outcome.condition.replace(", ", ",\n")
        table.add_column(f"{heading}\n{outcome.units} units", justify="right", no_wrap=True)
    for skill in skills:
        table.add_row(skill, *(_cell(outcome, skill) for outcome in outcomes))
    return table


def _cell(outcome: ConditionScores, skill: str) -> str:
    low, high = outcome.spread(skill)
    spread = f"\n{low:.0%}-{high:.0%}" if low < high else ""
    return f"{outcome.mean(skill):.0%}{spread}"


def write_csv(outcomes: Sequence[ConditionScores], skills: Sequence[str], path: Path) -> None:
    """Write one line a condition, draw and skill."""
    with whole_text(path) as file:
        rows = csv.writer(file)
        rows.writerow(("condition", "units", "draw", "skill", "share"))
        for outcome in outcomes:
            for draw, marks in enumerate(outcome.marks):
                rows.writerows(
                    (outcome.condition, outcome.units, draw, skill, f"{marks[skill]:.4f}") for skill in skills
                )


def draw_chart(
    outcomes: Sequence[ConditionScores], skills: Sequence[str], path: Path, model: str = "pocket"
) -> None:
    """Draw grouped bars, a group a skill; whiskers span the draws."""
    figure, axes = plt.subplots(figsize=(12, 5), layout="constrained")
    width = 0.84 / len(outcomes)
    for place, outcome in enumerate(outcomes):
        left = [index - 0.42 + place * width + width / 2 for index in range(len(skills))]
        means = [100 * outcome.mean(skill) for skill in skills]
        axes.bar(left, means, 0.9 * width, label=_legend(outcome), color=COLOURS[place % len(COLOURS)])
        _whiskers(axes, outcome, skills, left)
    axes.set(
        xticks=range(len(skills)), xticklabels=skills, ylim=(0, 104), ylabel="answered rightly (%)",
        title=f"{Path(model).name}: what is lost when units of mlp_act are set to zero",
    )  # fmt: skip
    plain(axes)
    figure.legend(loc="outside lower center", ncols=min(3, len(outcomes)), frameon=False)
    with whole(path) as file:
        figure.savefig(file, dpi=DPI, format="png")
    plt.close(figure)


def _legend(outcome: ConditionScores) -> str:
    draws = f", {len(outcome.marks)} draws" if len(outcome.marks) > 1 else ""
    return f"{outcome.condition} ({outcome.units} units{draws})" if outcome.units else outcome.condition


def _whiskers(axes: Axes, outcome: ConditionScores, skills: Sequence[str], left: Sequence[float]) -> None:
    if len(outcome.marks) == 1:
        return
    means = [outcome.mean(skill) for skill in skills]
    spreads = [outcome.spread(skill) for skill in skills]
    below = [100 * (mean - low) for mean, (low, _) in zip(means, spreads, strict=True)]
    above = [100 * (high - mean) for mean, (_, high) in zip(means, spreads, strict=True)]
    axes.errorbar(
        left, [100 * mean for mean in means], yerr=(below, above), fmt="none", ecolor="black", lw=1, capsize=2
    )
