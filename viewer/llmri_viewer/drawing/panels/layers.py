"""The layer slider at the left: a row a layer, with how strongly it fires and whether it is edited."""

import numpy as np

from llmri_look.colours.theme import blend
from llmri_look.edit_effects import EditEffect, effect_of
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.marks import edit_colour, faded, mark
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.history.under import Edits
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT, layer_at, layer_row
from llmri_viewer.model.state import ViewState

LABEL_HEIGHT = 14
LABEL_WIDTH = 3 * UNIT
MARK_FROM = 10
MARKED: tuple[EditEffect, ...] = ("more", "off", "less", "other", "aimed", "same")  # from the right


def draw(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> None:
    """Draw the rows; a bar is the layer's root mean square at the shown token, against the largest.

    The pointed layer's is written over them.
    """
    theme = canvas.theme
    canvas.fill(box, theme.panel)
    canvas.line((box.right - 1, box.y), (box.right - 1, box.bottom), theme.line)
    strengths = _strengths(state, store)
    _heading(canvas, box, state, strengths)
    if state.connection.card is None:
        return
    largest = max(strengths.values(), default=0.0) or 1.0
    edited = layers_of(state.shown_edits, state.pane.site)
    later = layers_of(state.later_edits, state.pane.site)
    count = state.connection.card.layers
    every = -(-LABEL_HEIGHT // max(1, layer_row(box, count, 0).height))
    for layer in range(count):
        row = layer_row(box, count, layer)
        shown = layer == state.pane.layer
        if shown:
            canvas.fill(Box(box.x, row.y, box.width - 1, row.height), blend(theme.accent, theme.panel, 0.25))
            canvas.fill(Box(box.x, row.y, 3, row.height), theme.accent)
        _bar(canvas, row, strengths.get(layer, 0.0) / largest, shown)
        if shown or (layer % every == 0 and abs(layer - state.pane.layer) >= every):
            _label(canvas, row, layer, shown)
        _marks(canvas, row, edited.get(layer, set()), later.get(layer, set()))


def _heading(canvas: Canvas, box: Box, state: ViewState, strengths: dict[int, float]) -> None:
    """Say what the rows are, or the root mean square of the pointed one."""
    at = (
        state.window.pointer
        if state.window.pointer is not None and box.holds(*state.window.pointer)
        else None
    )
    layer = (
        layer_at(box, state.connection.card.layers, at[1])
        if at is not None and state.connection.card
        else None
    )
    known = layer is not None and layer in strengths and not state.overlays.help
    number = f"{strengths[layer]:.3g}" if known and layer is not None else ""
    row = box.inset(UNIT, 0).row(UNIT, 2 * UNIT)
    said = canvas.fitting((f"rms {number}", number), row.width) if number else "layer · rms"
    canvas.text(row, said, colour=canvas.theme.text if number else canvas.theme.dim)


def _strengths(state: ViewState, store: ScanStore) -> dict[int, float]:
    """Return each layer's root mean square; none where one is not finite."""
    sheet = store.scan(state.time.at, state.pane.site)
    if sheet is None or not sheet.rows.size:
        return {}
    squares = np.sqrt(np.vecdot(sheet.rows, sheet.rows) / sheet.rows.shape[1])
    if not np.isfinite(squares).all():
        return {}
    return dict(zip(sheet.layers, squares.tolist(), strict=True))


def _bar(canvas: Canvas, row: Box, strength: float, shown: bool) -> None:
    theme = canvas.theme
    room = row.width - LABEL_WIDTH - 4 * UNIT
    height = max(1, min(6, row.height - 2))
    place = Box(row.x + LABEL_WIDTH + UNIT // 2, row.y + (row.height - height) // 2, room, height)
    canvas.fill(place, theme.raised)
    if strength > 0:
        ink = theme.text if shown else theme.dim
        canvas.fill(Box(place.x, place.y, max(1, round(room * strength)), height), ink)


def _label(canvas: Canvas, row: Box, layer: int, shown: bool) -> None:
    theme = canvas.theme
    place = Box(row.x, row.y + (row.height - 16) // 2, LABEL_WIDTH, 16)
    ink = theme.text if shown else theme.dim
    canvas.text(place, str(layer), colour=ink, face="mono", align="right")


def _marks(canvas: Canvas, row: Box, effects: set[EditEffect], later: set[EditEffect]) -> None:
    """Mark what is done in a layer, in a row of marks; faded what is done only from now on."""
    shown = [effect for effect in MARKED if effect in effects or effect in later]
    for place, effect in enumerate(shown):
        ink = edit_colour(canvas.theme, effect)
        ink = ink if effect in effects else faded(canvas.theme, ink)
        x, y = row.right - UNIT - place * 8, row.y + row.height // 2
        if row.height >= MARK_FROM:
            mark(canvas, (x, y), 3, effect, ink)
        else:
            canvas.fill(Box(x - 3, y - 1, 6, max(2, row.height - 2)), ink)


def layers_of(edits: Edits, site: str) -> dict[int, set[EditEffect]]:
    """Return the layers of a site that edits touch, with what is done to units there."""
    found: dict[int, set[EditEffect]] = {}
    for edit in edits:
        if edit.site == site:
            found.setdefault(edit.layer, set()).add(effect_of(edit))
    return found
