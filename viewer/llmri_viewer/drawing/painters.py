"""How each view is drawn: one painter a view, all called alike."""

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

from llmri_look.view_names import ViewName
from llmri_viewer import views
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.overlays import building, empty
from llmri_viewer.drawing.panels import legend
from llmri_viewer.drawing.plane import circles, edges, lattice, settling
from llmri_viewer.drawing.reply import compare, tokens
from llmri_viewer.drawing.rows import all_layers, influence
from llmri_viewer.drawing.spectra import spectral
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout import face
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.lattice import GridView, HebbianView
from llmri_viewer.views.picture import Picture, Words

LOG = logging.getLogger(__name__)
Painter = Callable[[Canvas, ViewState, ScanStore, Picture | None, Words], None]
"""Draws a view's box from the state, the scans and the picture; the words say why there is none."""


def paint(canvas: Canvas, state: ViewState, store: ScanStore, picture: Picture | None, why: Words) -> None:
    """Draw the shown view; one that fails says so in its place, and once in the log."""
    try:
        PAINTERS[views.of(state).name](canvas, state, store, picture, why)
    except Exception as error:
        sentence = f"{type(error).__name__}: {error}"
        _log(state.pane.view, sentence)
        view = face.of(state.window.size).view
        canvas.clip(None)
        canvas.fill(view, canvas.theme.background)
        empty.draw(canvas, view, "This view cannot be drawn", sentence)


@lru_cache(maxsize=64)  # a failure comes again with every frame
def _log(view: ViewName, sentence: str) -> None:
    """Log the failure that is being handled."""
    LOG.exception("the view %s failed: %s", view, sentence)


def _grid(canvas: Canvas, state: ViewState, _store: ScanStore, picture: Picture | None, why: Words) -> None:
    _lattice(canvas, GridView(), state, picture, why)


def _hebbian(
    canvas: Canvas, state: ViewState, _store: ScanStore, picture: Picture | None, why: Words
) -> None:
    if not _built(canvas, state, picture, why):
        return
    if picture is not None and state.pane.settling < 1:
        settling.draw(canvas, state, picture)
        return
    _lattice(canvas, HebbianView(), state, picture, why)
    if picture is not None:
        edges.draw(canvas, state)


def _circles(
    canvas: Canvas, state: ViewState, _store: ScanStore, picture: Picture | None, why: Words
) -> None:
    if _built(canvas, state, picture, why):
        circles.draw(canvas, state, picture)


def _built(canvas: Canvas, state: ViewState, picture: Picture | None, why: Words) -> bool:
    """Draw the legend of the clusters, or how far they have come; tell whether there are any."""
    if state.atlas is None:
        building.draw(canvas, face.of(state.window.size).view, state, why)
        return False
    legend.draw(canvas, state, picture)
    return True


def _lattice(
    canvas: Canvas, view: GridView | HebbianView, state: ViewState, picture: Picture | None, why: Words
) -> None:
    subject = view.subject(state)
    if picture is None or subject is None:
        empty.draw(canvas, view.stage(state) if subject else face.of(state.window.size).view, *why)
        return
    lattice.draw(canvas, view, subject, state, picture)


PAINTERS: Mapping[ViewName, Painter] = MappingProxyType(
    {
        "grid": _grid,
        "hebbian": _hebbian,
        "circles": _circles,
        "spectral": spectral.draw,
        "influence": influence.draw,
        "layers": all_layers.draw,
        "tokens": tokens.draw,
        "compare": compare.draw,
    }
)
