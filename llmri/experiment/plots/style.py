"""How all plots look."""

import matplotlib as mpl
from matplotlib.axes import Axes

from llmri_server.experiments.sets import Kind

mpl.use("Agg")

# Okabe and Ito 2008: told apart by every kind of colour vision.
COLOURS = ("#7f7f7f", "#d55e00", "#56b4e9", "#e69f00", "#009e73", "#cc79a7")
BY_KIND: dict[Kind | None, str] = {
    None: "#7f7f7f",
    "chosen": "#d55e00",
    "random": "#56b4e9",
    "matched": "#e69f00",
}
DPI = 120


def plain(axes: Axes) -> None:
    """Leave out what means nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
