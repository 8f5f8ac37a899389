"""Which plot shows an experiment."""

from collections.abc import Sequence
from pathlib import Path

from llmri.experiment.plots.bars import draw_bars
from llmri.experiment.plots.curves import draw_curves
from llmri.experiment.plots.heatmap import draw_heatmap
from llmri_server.experiments.results import Results
from llmri_server.experiments.summary import Row

FEWEST_DOSES = 3  # that make a curve


def draw(results: Results, rows: Sequence[Row], folder: Path) -> tuple[Path, ...]:
    """Draw one picture a measure into a folder, and for dose curves one an operation; give their paths."""
    return tuple(
        path
        for measure in results.plan.measures
        for path in _of_measure(
            results, [row for row in rows if row.measure == measure], folder / f"{measure}.png"
        )
    )


def _of_measure(results: Results, rows: Sequence[Row], path: Path) -> Sequence[Path]:
    if not any(row.kind == "chosen" for row in rows):
        return ()
    if results.plan.sweep == "layers":
        draw_heatmap(results, rows, path)
        return (path,)
    curved = [
        number
        for number, operation in enumerate(results.plan.operations)
        if len(operation.doses) >= FEWEST_DOSES
    ]
    paths = []
    for number in curved:
        paths.append(path.with_stem(f"{path.stem}-{number + 1}-{results.plan.operations[number].op}"))
        draw_curves(results, rows, number, paths[-1])
    others = [row for row in rows if row.condition.operation not in curved]
    if any(row.kind == "chosen" for row in others):
        draw_bars(results, others, path)
        paths.append(path)
    return paths
