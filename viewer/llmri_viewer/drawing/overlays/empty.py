"""What a view without a picture says instead."""

from llmri_look.colours.theme import LARGE
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.layout.face import UNIT
from llmri_viewer.model.layout.geometry import Box

SENTENCE_WIDEST = 64 * UNIT


def draw(canvas: Canvas, box: Box, headline: str, sentence: str) -> None:
    """Say in the middle of the view why there is no picture; commands in braces are written as their keys."""
    middle = box.y + box.height // 2
    canvas.text(
        Box(box.x, middle - 3 * UNIT, box.width, 3 * UNIT), headline, size=LARGE, face="bold", align="centre"
    )
    width = min(box.width, SENTENCE_WIDEST)
    place = Box(box.x + (box.width - width) // 2, middle + UNIT // 2, width, max(0, box.bottom - middle))
    canvas.paragraph(place, canvas.spelled(sentence), 2 * UNIT + 4, colour=canvas.theme.dim, align="centre")
