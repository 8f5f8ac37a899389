"""The column beside a view of clusters: what they stand on, and what the outlines mean."""

from llmri_viewer import words
from llmri_viewer.atlas import Atlas
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.face import UNIT
from llmri_viewer.geometry import Box

ROW = 18
SIGN = 3 * UNIT
"""Pixels for an outline beside its words."""


def draw(canvas: Canvas, box: Box, atlas: Atlas, *, outlines: bool) -> None:
    """Write provenance, counts and warnings, as far as there is room; `outlines` explains the rings."""
    theme, made = canvas.theme, atlas.clustering.provenance
    top = 0
    for name, value in _facts(atlas):
        if top + ROW > box.height:
            return
        row = box.row(top, ROW)
        canvas.text(row, name, colour=theme.dim)
        canvas.text(Box(row.x + 8 * UNIT + 4, row.y, row.width - 8 * UNIT - 4, ROW), value)
        top += ROW
    top += UNIT
    if outlines:
        top = _outlines(canvas, box, atlas, top) + UNIT
    for sentence in _sentences(atlas, drawn=not outlines):
        rest = Box(box.x, box.y + top, box.width, max(0, box.height - top))
        ink = theme.warning if sentence in made.warnings else theme.dim
        top += canvas.paragraph(rest, sentence, ROW, colour=ink) + UNIT // 2


def _facts(atlas: Atlas) -> list[tuple[str, str]]:
    made = atlas.clustering.provenance
    measure = "" if made.measure == "pearson" else f", {made.measure}"
    return [
        ("distance", f"{made.distance}{measure}"),
        ("linkage", made.method),
        ("samples", words.count(made.samples, "scan")),
        ("", f"of {words.count(made.turns, 'turn')}"),
    ]


def _outlines(canvas: Canvas, box: Box, atlas: Atlas, top: int) -> int:
    """Explain whole and dashed outlines with their counts; give where the next thing goes."""
    theme = canvas.theme
    below = len(atlas.below_null)
    for count, name, dashed in (
        (len(atlas.clustering.clusters) - below, "above null", False),
        (below, "below null", True),
    ):
        if top + ROW > box.height:
            return top
        row = box.row(top, ROW)
        canvas.ring((row.x + UNIT, row.y + ROW // 2), 7, theme.text, dashed=dashed)
        canvas.text(Box(row.x + SIGN, row.y, row.width - SIGN, ROW), name)
        canvas.text(row, str(count), face="mono", align="right")
        top += ROW
    return top


def _sentences(atlas: Atlas, *, drawn: bool) -> list[str]:
    """Give what else a reader should know."""
    made = atlas.clustering.provenance
    missing = int((~atlas.clustering.active).sum())
    sentences = list(made.warnings)
    if missing:
        fate = "in no cluster" if drawn else "not drawn"
        sentences.append(f"{words.count(missing, 'unit')} {fate}: constant or left out")
    return sentences + [f"left out: {what}" for what in made.left_out]
