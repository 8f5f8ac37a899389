"""How each view is drawn: one painter a view, all called alike."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from llmri_viewer import face
from llmri_viewer.drawing import circles, lattice, legend
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.face import UNIT
from llmri_viewer.geometry import Box
from llmri_viewer.picture import Picture
from llmri_viewer.state import ViewName, ViewState
from llmri_viewer.theme import LARGE
from llmri_viewer.views.lattice import GridView, HebbianView

Words = tuple[str, str]
Painter = Callable[[Canvas, ViewState, Picture | None, Words], None]
"""Draws a view's box from the state and the picture; the words say why there is none."""

SENTENCE_WIDEST = 64 * UNIT


def paint(canvas: Canvas, state: ViewState, picture: Picture | None, why: Words) -> None:
    """Draw the shown view."""
    PAINTERS[state.view](canvas, state, picture, why)


def _grid(canvas: Canvas, state: ViewState, picture: Picture | None, why: Words) -> None:
    _lattice(canvas, GridView(), state, picture, why)


def _hebbian(canvas: Canvas, state: ViewState, picture: Picture | None, why: Words) -> None:
    _legend(canvas, state, outlines=False)
    _lattice(canvas, HebbianView(), state, picture, why)


def _circles(canvas: Canvas, state: ViewState, picture: Picture | None, why: Words) -> None:
    if state.clusters is None:
        _words(canvas, face.of(state.size).view, *why)
        return
    _legend(canvas, state, outlines=True)
    circles.draw(canvas, state, picture)


def _lattice(
    canvas: Canvas, view: GridView | HebbianView, state: ViewState, picture: Picture | None, why: Words
) -> None:
    subject = view.subject(state)
    if picture is None or subject is None:
        _words(canvas, view.stage(state) if subject else face.of(state.size).view, *why)
        return
    lattice.draw(canvas, view, subject, state, picture)


def _legend(canvas: Canvas, state: ViewState, *, outlines: bool) -> None:
    column = face.staged(face.of(state.size).view)[0]
    if column is not None and state.clusters is not None:
        legend.draw(canvas, column, state.clusters, outlines=outlines)


def _words(canvas: Canvas, box: Box, headline: str, sentence: str) -> None:
    """Say in the middle of the view why there is no picture."""
    middle = box.y + box.height // 2
    canvas.text(
        Box(box.x, middle - 3 * UNIT, box.width, 3 * UNIT), headline, size=LARGE, face="bold", align="centre"
    )
    width = min(box.width, SENTENCE_WIDEST)
    place = Box(box.x + (box.width - width) // 2, middle + UNIT // 2, width, max(0, box.bottom - middle))
    canvas.paragraph(place, sentence, 2 * UNIT + 4, colour=canvas.theme.dim, align="centre")


PAINTERS: Mapping[ViewName, Painter] = MappingProxyType(
    {"grid": _grid, "circles": _circles, "hebbian": _hebbian}
)
