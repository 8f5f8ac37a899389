"""Dose curves: a panel a task, a line a set of units, a band for its interval."""

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from llmri.experiment.plots.style import BY_KIND, DPI, plain
from llmri.experiment.wording import KINDS, TITLES
from llmri_protocol.operations import OPERATIONS
from llmri_protocol.user_files import whole
from llmri_server.experiments.results import Results
from llmri_server.experiments.sets import Kind
from llmri_server.experiments.summary import Row

COLUMNS = 3
LINEAR = 1e-3  # nats: above, the scale of loss and KL is logarithmic
KIND_ORDER: tuple[Kind, ...] = ("matched", "random", "chosen")  # the last is drawn on top


def draw_curves(results: Results, rows: Sequence[Row], operation: int, path: Path) -> None:
    """Draw one measure over the doses of one operation."""
    there = [row for row in rows if row.condition.operation == operation]
    tasks = [task for task in results.tasks if any(row.task == task.name for row in there)]
    columns = len(tasks) if len(tasks) <= COLUMNS else min(COLUMNS, math.ceil(math.sqrt(len(tasks))))
    lines = math.ceil(len(tasks) / columns)
    figure, panels = plt.subplots(
        lines, columns, figsize=(4.5 * columns, 1 + 2.8 * lines), layout="constrained", squeeze=False,
        sharey=True,
    )  # fmt: skip
    for axes, task in zip(panels.flat, tasks, strict=False):
        _panel(axes, [row for row in there if row.task == task.name])
        axes.set_title(task.name if task.name == task.group else f"{task.name} ({task.group})")
        op = results.plan.operations[operation].op
        neutral = OPERATIONS[op].neutral
        if neutral is not None:
            axes.axvline(neutral, color="black", lw=0.8, ls=":")
    for axes in panels.flat[len(tasks) :]:
        axes.set_visible(False)
    for axes in panels[-1]:
        axes.set_xlabel(f"{results.plan.operations[operation].op} by")
    figure.suptitle(f"{results.plan.title}\n{TITLES[rows[0].measure]}")
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=columns, frameon=False)
    with whole(path) as file:
        figure.savefig(file, dpi=DPI, format="png")
    plt.close(figure)


def _panel(axes: Axes, rows: Sequence[Row]) -> None:
    for kind in KIND_ORDER:
        points = sorted(
            (row for row in rows if row.kind == kind and row.condition.dose is not None),
            key=lambda row: row.condition.dose or 0.0,
        )
        if not points:
            continue
        doses = [row.condition.dose or 0.0 for row in points]
        draws = f", {points[0].draws} draws" if points[0].draws > 1 else ""
        label = f"{KINDS[kind]}: {points[0].units:,.0f} units{draws}"
        colour = BY_KIND[kind]
        axes.fill_between(
            doses, [row.low for row in points], [row.high for row in points], color=colour, alpha=0.2, lw=0
        )
        axes.plot(doses, [row.mean for row in points], color=colour, marker="o", ms=4, label=label)
    if rows[0].measure == "score":
        axes.set_ylim(-0.02, 1.04)
        axes.yaxis.set_major_formatter("{x:.0%}")
    else:
        axes.set_yscale("symlog", linthresh=LINEAR)
        axes.set_ylim(bottom=0)
    plain(axes)
