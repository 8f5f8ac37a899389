"""The circle view drawn: units lit by their activity, clusters in their colours."""

import numpy as np
import numpy.typing as npt

from llmri_look.colours.colour import Bytes
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.marks import edit_colour, ink_on, mark
from llmri_viewer.drawing.overlays import waiting
from llmri_viewer.drawing.panels import legend
from llmri_viewer.drawing.plane import labels
from llmri_viewer.drawing.plane.inks import edited, grounds, inks, packed, ring_of
from llmri_viewer.drawing.plane.sheets import Sheets, Still, sheets
from llmri_viewer.model.clusters.atlas import Atlas, Ints, chosen_clusters
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout.disc_camera import DiscCamera
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.circles import CirclesView, lens_of, stage_of
from llmri_viewer.views.picture import Picture

Floats = npt.NDArray[np.float64]
MARK_FROM = 12  # pixels across, below which the tint has to do


def paint(
    canvas: Canvas, state: ViewState, _store: ScanStore, picture: Picture | None, why: waiting.Why
) -> None:
    """Draw them with their legend, or how far the clusters have come."""
    if not waiting.is_waiting(canvas, state, why):
        legend.draw(canvas, state, picture)
        draw(canvas, state, picture)


def draw(canvas: Canvas, state: ViewState, picture: Picture | None) -> None:
    """Draw the circles; without a picture the units are unlit."""
    atlas, stage = state.atlas, stage_of(state)
    if atlas is None:
        return
    lens = lens_of(state, atlas)
    colours = inks(canvas.theme, atlas, state, picture)
    canvas.clip(stage)
    if state.pane.flight or not still(canvas, state, lens, stage, colours):
        _hard(canvas, atlas, lens, stage, colours)
    _protected(canvas, state, atlas, lens, stage)
    if not state.pane.flight:
        _hovered(canvas, state, lens, stage)
    labels.draw(canvas, state, atlas, lens, stage)
    canvas.clip(None)


def still(canvas: Canvas, state: ViewState, lens: DiscCamera, stage: Box, colours: Bytes) -> bool:
    """Colour the pixels that belong to this camera, and mark what is edited; tell whether they are there."""
    atlas = state.atlas
    if atlas is None:
        return False
    view = Still(atlas, lens, stage, canvas.scale)
    found = _sheets(canvas, view, chosen_clusters(atlas, state.selection.units))
    if found is None:
        return False
    raster = found.raster
    canvas.pixels(raster.painted(packed(colours)), raster.box)
    canvas.sheet(found.overlay, raster.box)
    if 2 * raster.radius >= MARK_FROM:
        _marks(canvas, atlas, state, view, colours)
    return True


def _sheets(canvas: Canvas, view: Still, selected: tuple[int, ...]) -> Sheets | None:
    """Return the pixels, None while they are being made; until a new selection is, the last one's will do."""
    found = canvas.aside.get(sheets, (view, canvas.theme, selected))
    known = canvas.aside.latest(sheets)
    if found is None and known is not None and known[0][:2] == (view, canvas.theme):
        return known[1]
    return found


def _marks(canvas: Canvas, atlas: Atlas, state: ViewState, view: Still, colours: Bytes) -> None:
    """Mark the edited units in sight; smaller and in their colour those of edits that only stand now."""
    lens, stage = view.lens, view.stage
    units, effects = edited(atlas, state.later_edits)
    circles, seen = _in_sight(atlas.packing.units[units], lens, stage)
    for (x, y, radius), place in zip(circles.tolist(), seen.tolist(), strict=True):
        tint = edit_colour(canvas.theme, effects[place])
        mark(canvas, (round(x), round(y)), min(3, int(radius / 2)), effects[place], tint)
    units, effects = edited(atlas, state.shown_edits)
    circles, seen = _in_sight(atlas.packing.units[units], lens, stage)
    for (x, y, radius), place in zip(circles.tolist(), seen.tolist(), strict=True):
        red, green, blue = colours[units[place]].tolist()
        ink = ink_on((red, green, blue))
        mark(canvas, (round(x), round(y)), min(6, int(radius / 2)), effects[place], ink)


def _hard(canvas: Canvas, atlas: Atlas, lens: DiscCamera, stage: Box, colours: Bytes) -> None:
    """Draw circle by circle with hard edges: a camera's pixels take longer to work out than a frame lasts."""
    canvas.fill(stage, canvas.theme.background)
    groups, inside = _in_sight(atlas.packing.groups, lens, stage)
    # A group is its ring's colour, and on that its ground, a pixel smaller: outer before inner.
    rings = np.asarray([ring_of(canvas.theme, atlas, group, ()).colour for group in inside], np.uint8)
    under = grounds(atlas, canvas.theme)[inside]
    layers = np.stack([groups, groups - (0, 0, 1)], axis=1).reshape(-1, 3)
    inks_of_layers = np.stack([rings.reshape(-1, 3), under], axis=1).reshape(-1, 3)
    canvas.discs(layers, inks_of_layers)
    units, which = _in_sight(atlas.packing.units, lens, stage)
    canvas.discs(units, colours[which])


def _in_sight(circles: Floats, lens: DiscCamera, stage: Box) -> tuple[Floats, Ints]:
    """Return the circles that reach into a box, in the window's pixels, and which they are."""
    x, y = lens.pixel(stage, circles[:, 0], circles[:, 1])
    radius = circles[:, 2] * lens.scale(stage)
    seen = (x > stage.x - radius) & (x < stage.right + radius)
    seen &= (y > stage.y - radius) & (y < stage.bottom + radius)
    return np.stack([x, y, radius], axis=1)[seen], np.flatnonzero(seen)


def _protected(canvas: Canvas, state: ViewState, atlas: Atlas, lens: DiscCamera, stage: Box) -> None:
    """Ring the protected units in sight, where they are to be shown."""
    units = [index for place in state.protected if (index := atlas.index(*place)) is not None]
    for x, y, radius in _in_sight(atlas.packing.units[units], lens, stage)[0].tolist():
        canvas.circle((x, y), radius + 1, canvas.theme.warning)


def _hovered(canvas: Canvas, state: ViewState, lens: DiscCamera, stage: Box) -> None:
    """Ring the cluster under the pointer."""
    number = (
        CirclesView().cluster_at(state, state.window.pointer)
        if state.window.pointer and not state.overlays.help
        else None
    )
    if number is None or state.atlas is None:
        return
    group = state.atlas.cluster_group[number]
    x, y, radius = state.atlas.packing.groups[group].tolist()
    canvas.circle(lens.pixel(stage, x, y), radius * lens.scale(stage) + 1, canvas.theme.text)


PAINTERS = {"circles": paint}
