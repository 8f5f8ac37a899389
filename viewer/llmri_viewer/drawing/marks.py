"""How edits are marked everywhere: by colour, and by shape too."""

from llmri_look.colours.theme import Colour, Theme, blend, luminance
from llmri_look.edit_effects import EditEffect
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.layout.geometry import Box

MARK_FROM = 9  # pixels across, below which a tint has to do
TINT = 0.4
FADED = 0.45  # of an edit's colour, where the edit stands now and the shown token knew nothing of it
DARK, LIGHT = (0, 0, 0), (255, 255, 255)
LIGHT_FROM = 0.18  # relative luminance from which black is the better ink (WCAG 2 contrast)


def edit_colour(theme: Theme, effect: EditEffect) -> Colour:
    """The tint of an edit: green for more, red for less and off, without a colour for another value."""
    return {
        "more": theme.boosted,
        "less": theme.ablated,
        "off": theme.ablated,
        "same": theme.dim,
        "other": theme.text,
        "aimed": theme.text,
    }[effect]


def faded(theme: Theme, ink: Colour) -> Colour:
    """Return the colour of an edit that stands now, and that the shown token was not computed under."""
    return blend(ink, theme.background, FADED)


def mark(canvas: Canvas, at: tuple[int, int], radius: int, effect: EditEffect, ink: Colour) -> None:
    """Draw a plus for more, a minus for less, a cross for off, a dot for `other`, a slash for a steer."""
    x, y = at
    if effect in {"off", "aimed"}:
        canvas.line((x - radius, y + radius), (x + radius, y - radius), ink, 2)
    if effect == "off":
        canvas.line((x - radius, y - radius), (x + radius, y + radius), ink, 2)
    if effect in {"more", "less", "same"}:
        canvas.line((x - radius, y), (x + radius, y), ink, 2)
    if effect == "more":
        canvas.line((x, y - radius), (x, y + radius), ink, 2)
    if effect == "other":
        canvas.dot(at, max(2, radius - 1), ink)


def mark_protected(canvas: Canvas, foot: Box) -> None:
    """Draw a tick that stands out on any colour, at the foot of a unit's pixels."""
    canvas.fill(foot, canvas.theme.background)
    canvas.fill(foot.inset(1, 1), canvas.theme.warning)


def ink_on(ground: Colour) -> Colour:
    """Return black or white, whichever reads better on a colour."""
    return DARK if luminance(ground) > LIGHT_FROM else LIGHT
