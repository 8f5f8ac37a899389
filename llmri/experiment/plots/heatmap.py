"""A heat map of a sweep: layers down, tasks across, a panel an operation and dose."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.image import AxesImage

from llmri.experiment.plots.style import DPI
from llmri.experiment.wording import TITLES, figure, told
from llmri_protocol import user_files
from llmri_server.experiments.plan import Measure
from llmri_server.experiments.results import Results
from llmri_server.experiments.summary import Condition, Row

COLUMNS = 3
LEAST = 1e-4  # nats: less has the lightest colour
DARK = 0.55  # of the colour scale; on darker cells the text is white


def draw_heatmap(results: Results, rows: Sequence[Row], path: Path) -> None:
    """Draw the chosen units' figures of one measure; the layers are each edited alone."""
    chosen = [row for row in rows if row.kind == "chosen"]
    tasks = [task.name for task in results.tasks if any(row.task == task.name for row in chosen)]
    layers = sorted({row.condition.layer or 0 for row in chosen})
    panels = list(dict.fromkeys(_everywhere(row.condition) for row in chosen))
    columns = min(COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    whole, grid = plt.subplots(
        lines,
        columns,
        figsize=(1.5 + columns * max(3.5, 0.62 * len(tasks)), 1.8 + lines * (0.9 + 0.32 * len(layers))),
        layout="constrained",
        squeeze=False,
    )
    measure = rows[0].measure
    shades = _shades(measure, max(row.mean for row in chosen))
    for axes, panel in zip(grid.flat, panels, strict=False):
        found = {
            (row.condition.layer, row.task): row.mean for row in chosen if _everywhere(row.condition) == panel
        }
        means = np.array([[found.get((layer, task), np.nan) for task in tasks] for layer in layers])
        image = _panel(axes, means, measure, shades)
        axes.set(
            xticks=range(len(tasks)), yticks=range(len(layers)), yticklabels=layers, ylabel="layer",
            title=told(panel, results.plan),
        )  # fmt: skip
        axes.set_xticklabels(tasks, rotation=40, ha="right", rotation_mode="anchor")
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    whole.colorbar(image, ax=grid, format="{x:.0%}" if measure == "score" else "{x:g}", shrink=0.8)
    whole.suptitle(f"{results.plan.title}\n{TITLES[measure]}")
    with user_files.whole(path) as file:
        whole.savefig(file, dpi=DPI, format="png")
    plt.close(whole)


def _everywhere(condition: Condition) -> Condition:
    return Condition(condition.operation, condition.dose, None)


def _shades(measure: Measure, most: float) -> Normalize:
    """Return the scale of colours: a loss or a KL spans magnitudes, so its logarithm counts."""
    if measure == "score":
        return Normalize(0.0, 1.0)
    return LogNorm(LEAST, max(most, 10 * LEAST), clip=True)


def _panel(axes: Axes, means: npt.NDArray[np.float64], measure: Measure, shades: Normalize) -> AxesImage:
    """Draw `[layers, tasks]`: what is lost is dark, in either kind of measure."""
    colours = "cividis" if measure == "score" else "cividis_r"
    image = axes.imshow(means, cmap=colours, norm=shades, aspect="auto")
    for (row, column), mean in np.ndenumerate(means):
        if np.isfinite(mean):
            share = float(shades(float(mean)))
            dark = share < DARK if measure == "score" else share > 1 - DARK
            axes.text(
                column, row, figure(float(mean), measure), ha="center", va="center", fontsize=8,
                color="white" if dark else "black",
            )  # fmt: skip
    axes.spines[:].set_visible(False)
    return image
