"""Bars: a group a task, a bar a set of units, a panel an operation."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from llmri.experiment.plots.style import BY_KIND, DPI, plain
from llmri.experiment.wording import KINDS, TITLES, told
from llmri_protocol.user_files import whole
from llmri_server.experiments.results import Results
from llmri_server.experiments.sets import Kind
from llmri_server.experiments.summary import Condition, Row


def draw_bars(results: Results, rows: Sequence[Row], path: Path) -> None:
    """Draw one measure; whiskers are the 95 % intervals."""
    untouched = [row for row in rows if row.kind is None]
    conditions = list(dict.fromkeys(row.condition for row in rows if row.kind is not None))
    figure, panels = plt.subplots(
        len(conditions), 1, figsize=(12, 1 + 3.6 * len(conditions)), layout="constrained", squeeze=False
    )
    for axes, condition in zip(panels.flat, conditions, strict=True):
        there = [*untouched, *(row for row in rows if row.condition == condition)]
        _panel(axes, results, there, condition)
    measure = rows[0].measure
    figure.suptitle(f"{results.plan.title}\n{TITLES[measure]}")
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    with whole(path) as file:
        figure.savefig(file, dpi=DPI, format="png")
    plt.close(figure)


def _panel(axes: Axes, results: Results, rows: Sequence[Row], condition: Condition) -> None:
    kinds = list(dict.fromkeys(row.kind for row in rows))
    tasks = [task.name for task in results.tasks if any(row.task == task.name for row in rows)]
    width = 0.84 / len(kinds)
    for place, kind in enumerate(kinds):
        found = {row.task: row for row in rows if row.kind == kind}
        bars = [(index, found[task]) for index, task in enumerate(tasks) if task in found]
        left = [index - 0.42 + (place + 0.5) * width for index, _ in bars]
        _bars(axes, left, [row for _, row in bars], kind, 0.9 * width)
    axes.set(xticks=range(len(tasks)), xticklabels=tasks, title=told(condition, results.plan))
    if rows[0].measure == "score":
        axes.set(ylim=(0, 1.04))
        axes.yaxis.set_major_formatter("{x:.0%}")
    else:
        axes.set_ylim(bottom=0)
    plain(axes)


def _bars(axes: Axes, left: Sequence[float], rows: Sequence[Row], kind: Kind | None, width: float) -> None:
    heights = [row.mean for row in rows]
    # A mean may lie outside the middle of its draws; whiskers have no negative length.
    ends = (
        [max(0.0, row.mean - row.low) for row in rows],
        [max(0.0, row.high - row.mean) for row in rows],
    )
    units = f", {rows[0].units:,.0f} units" if kind else ""
    draws = f", {rows[0].draws} draws" if rows[0].draws > 1 else ""
    axes.bar(left, heights, width, label=f"{KINDS[kind]}{units}{draws}", color=BY_KIND[kind])
    axes.errorbar(left, heights, yerr=ends, fmt="none", ecolor="black", lw=1, capsize=2)
