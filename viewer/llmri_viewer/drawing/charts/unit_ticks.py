"""Marks of units along a line of pixels: seen even where a unit is one pixel wide, or less."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from llmri_look.colours.theme import Colour
from llmri_look.edit_effects import EditEffect, effect_of
from llmri_protocol.messages import Edit
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.marks import edit_colour
from llmri_viewer.model.layout.columns import Columns
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import by_layer
from llmri_viewer.model.state_groups import Selection

LEAST = 3  # pixels across
SHAPED_FROM = 4  # pixels high, from which marks differ in shape too
Runs = tuple[tuple[int, int], ...]


def runs(columns: Columns, units: Iterable[int]) -> Runs:
    """Return the stretches of pixels that show some units, from the first to before the last of each."""
    shown = np.zeros(len(columns.first) + 1, np.int8)
    for unit in units:
        start, end = columns.pixels(unit)
        shown[start:end] = 1
    edges = np.flatnonzero(np.diff(np.concatenate([[0], shown])))
    return tuple(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


@lru_cache(maxsize=256)
def selected(selection: Selection, layer: int, columns: Columns) -> Runs:
    """Return the stretches of pixels of a layer's selected units."""
    return runs(columns, by_layer(selection).get(layer, ()))


@lru_cache(maxsize=8)
def edited(edits: tuple[Edit, ...], site: str) -> Mapping[int, Mapping[EditEffect, list[int]]]:
    """Sort the edited units of a site by layer and by what is done to them; the last edit of a unit holds."""
    done = {
        (edit.layer, unit): effect_of(edit)
        for edit in edits
        if edit.site == site
        for unit in sorted(edit.units)
    }
    found: dict[int, dict[EditEffect, list[int]]] = {}
    for (layer, unit), kind in done.items():
        found.setdefault(layer, {}).setdefault(kind, []).append(unit)
    return MappingProxyType(found)


def draw(canvas: Canvas, lane: Box, stretches: Runs, ink: Colour) -> None:
    """Draw plain ticks over the pixels of some units; a lane without height has none."""
    for start, end in stretches:
        canvas.fill(place_of(lane, start, end), ink)


def draw_edits(
    canvas: Canvas,
    lane: Box,
    columns: Columns,
    done: Mapping[EditEffect, Iterable[int]],
    *,
    now: bool = False,
) -> None:
    """Draw the ticks of edited units: an arrow up for more, down for less and off, a block for the rest.

    Of what stands `now`, while what is shown is from before, there is only the foot.
    """
    for kind, units in done.items():
        ink = edit_colour(canvas.theme, kind)
        for start, end in runs(columns, units):
            place = place_of(lane, start, end)
            if now:
                canvas.fill(place.row(place.height - 1, min(1, place.height)), ink)
            elif lane.height < SHAPED_FROM or place.width > 2 * lane.height:
                canvas.fill(place, ink)
            else:
                _arrow(canvas, place, kind, ink)


def _arrow(canvas: Canvas, place: Box, kind: EditEffect, ink: Colour) -> None:
    middle = place.x + place.width // 2
    for row in range(place.height):
        wide = {"more": row, "less": place.height - 1 - row, "off": place.height - 1 - row}.get(kind, 1)
        canvas.fill(Box(middle - wide, place.y + row, 2 * wide + 1, 1), ink)


def place_of(lane: Box, start: int, end: int) -> Box:
    """Return a stretch's place in a lane, widened to what can be seen."""
    spare = max(0, LEAST - (end - start))
    return Box(lane.x + start - spare // 2, lane.y, max(LEAST, end - start), lane.height)
