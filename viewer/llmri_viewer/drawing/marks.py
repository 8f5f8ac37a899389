"""How edits are marked everywhere: green and a plus for more, red and a cross or minus for less."""

from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.theme import Colour, Theme, luminance

MARK_FROM = 9  # pixels across, below which a tint has to do
TINT = 0.4
DARK, LIGHT = (0, 0, 0), (255, 255, 255)
LIGHT_FROM = 0.18  # relative luminance from which black is the better ink (WCAG 2 contrast)


def edit_colour(theme: Theme, factor: float) -> Colour:
    """Give the tint of a multiplier: boosted, lessened, or neither."""
    if factor == 1:
        return theme.dim
    return theme.boosted if factor > 1 else theme.ablated


def mark(canvas: Canvas, at: tuple[int, int], radius: int, factor: float, ink: Colour) -> None:
    """Draw a plus for more, a cross for ablated, a minus for less, so that shape tells it too."""
    x, y = at
    if factor == 0:
        canvas.line((x - radius, y - radius), (x + radius, y + radius), ink, 2)
        canvas.line((x - radius, y + radius), (x + radius, y - radius), ink, 2)
        return
    canvas.line((x - radius, y), (x + radius, y), ink, 2)
    if factor > 1:
        canvas.line((x, y - radius), (x, y + radius), ink, 2)


def ink_on(ground: Colour) -> Colour:
    """Give black or white, whichever reads better on a colour."""
    return DARK if luminance(ground) > LIGHT_FROM else LIGHT
