"""All layers at once: a row of pixels a layer, all units across."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from llmri_look import words
from llmri_look.colours.colour import Scale
from llmri_look.view_names import ViewName
from llmri_viewer.model.history.store import Rows, ScanStore
from llmri_viewer.model.layout.columns import Columns, columns
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.unit_selection import AllUnits
from llmri_viewer.views.base import At, Points
from llmri_viewer.views.picture import Picture, scale_in_words
from llmri_viewer.views.reaching import ReachingView
from llmri_viewer.views.table import Table, encoded, units_columns
from llmri_viewer.views.values.all_rows import AllRows, all_rows

GUTTER = 5 * UNIT  # the numbers of layers
BELOW = 5 * UNIT  # the axis of units
LANE_MOST, LANE_SHARE = 10, 3  # pixels over a row for marks, at most; one part in so many of a row
POINTED_FROM = 4.0  # pixels a unit, from which it can be clicked
LEAST_UNITS = 8  # stay in sight
WHOLE_FROM = 0.85  # of the width is enough for units of equal, whole pixels


@dataclass(frozen=True)
class Bands:
    """Where the rows of layers stand: `box` holds all, each `pitch` high with a lane for marks above."""

    box: Box
    layers: int
    pitch: int

    @property
    def lane(self) -> int:
        """How high the lane of marks over a row is."""
        return min(LANE_MOST, self.pitch // LANE_SHARE)

    def lane_of(self, layer: int) -> Box:
        """Return the lane over a layer's row."""
        return self.box.row(layer * self.pitch, self.lane)

    def row(self, layer: int) -> Box:
        """Return the pixels of a layer's values."""
        return self.box.row(layer * self.pitch + self.lane, self.pitch - self.lane)

    def layer_at(self, y: float) -> int | None:
        """Return the layer at a height of the window."""
        layer = int((y - self.box.y) // self.pitch)
        return layer if 0 <= layer < self.layers else None


@lru_cache(maxsize=4)
def _flat(found: AllRows, scale: Scale) -> Picture:
    return Picture(found.rows.reshape(-1), scale)


class AllLayersView(ReachingView):
    """Layers by units, as a raster."""

    name: ViewName = "layers"
    scaled = True

    def picture(self, state: ViewState, store: ScanStore, /) -> Picture | None:
        """See `View`: with the scale of the shown layer."""
        found = all_rows(state, store)
        return _flat(found, found.scales[state.pane.layer]) if found else None

    def table(self, state: ViewState, store: ScanStore, /) -> Table | None:
        """See `View`: with the ends of each layer's scale."""
        found, subject = all_rows(state, store), self.subject(state)
        if found is None or subject is None:
            return None
        ends = [(scale.low, scale.high) for scale in found.scales]
        scale = {"ends": ends, "log": found.scales[0].log, "magnitude": found.scales[0].magnitude}
        return Table(units_columns(state, subject, found.rows.reshape(-1)), {"scale": encoded(scale)})

    def scale_words(self, state: ViewState, /) -> str:
        """See `View`."""
        each = f"each layer, as shown for layer {state.pane.layer},"
        return scale_in_words(state, each if state.look.per_layer else "all layers")

    def subject(self, state: ViewState, /) -> AllUnits | None:
        """See `View`."""
        return (
            AllUnits(state.connection.card.layers, state.width)
            if state.connection.card and state.width
            else None
        )

    def title(self, state: ViewState, /) -> tuple[str, str]:
        """See `View`."""
        if state.site_card is None or state.connection.card is None:
            return "All layers", ""
        units = words.units(state.site_card, state.width)
        seen = self.columns(state)
        peaks = "" if seen is None or seen.single else "; a pixel shows the strongest of its units"
        return f"{state.connection.card.layers} layers", f"of {units} at {state.pane.site}{peaks}"

    def bands(self, state: ViewState) -> Bands:
        """Divide the stage in rows, all equally high."""
        stage, layers = self.stage(state), state.connection.card.layers if state.connection.card else 1
        room = Box(stage.x + GUTTER, stage.y, max(1, stage.width - GUTTER), max(1, stage.height - BELOW))
        whole = max(1, room.width // max(1, state.width)) * state.width
        width = whole if WHOLE_FROM * room.width <= whole <= room.width else room.width
        pitch = max(1, room.height // layers)
        return Bands(Box(room.x, room.y, width, pitch * layers), layers, pitch)

    def columns(self, state: ViewState) -> Columns | None:
        """Return the units of each pixel across, None while no model is known."""
        return columns(state.width, state.pane.reach, self.bands(state).box.width) if state.width else None

    def axis(self, state: ViewState, /) -> Box:
        """See `ReachingView`."""
        return self.bands(state).box

    def least(self, state: ViewState, /) -> float:
        """See `ReachingView`."""
        return min(1.0, LEAST_UNITS / max(1, state.width))

    def layer_at(self, state: ViewState, at: At, /) -> int | None:
        """See `View`."""
        if state.connection.card is None or not self.stage(state).holds(*at):
            return None
        return self.bands(state).layer_at(at[1])

    def unit_at(self, state: ViewState, at: At, /) -> int | None:
        """See `View`. None where units are too narrow to be pointed at."""
        seen = self.columns(state)
        if seen is None or seen.pixels_a_unit < POINTED_FROM:
            return None
        return self._index(state, at, seen, None)

    def read_at(self, state: ViewState, at: At, values: Rows, /) -> int | None:
        """See `View`: the strongest of a pixel's units."""
        seen = self.columns(state)
        return None if seen is None else self._index(state, at, seen, values)

    def _index(self, state: ViewState, at: At, seen: Columns, values: Rows | None) -> int | None:
        box, layer = self.bands(state).box, self.layer_at(state, at)
        if state.time.at is None or layer is None or not box.holds(*at):
            return None
        pixel, start = int(at[0]) - box.x, layer * state.width
        if values is None or seen.single:
            return start + int(seen.first[pixel])
        return start + seen.strongest_at(values[start : start + state.width], pixel)

    def box_of(self, state: ViewState, index: int, /) -> Box | None:
        """See `View`. None where units are too narrow to be pointed at, too."""
        seen = self.columns(state)
        if seen is None or state.time.at is None or seen.pixels_a_unit < POINTED_FROM:
            return None
        layer, unit = divmod(index, state.width)
        row = self.bands(state).row(layer)
        start, end = seen.pixels(unit)
        return Box(row.x + start, row.y, end - start, row.height) if end > start else None

    def middles(self, state: ViewState, /) -> Points:
        """See `View`."""
        seen = self.columns(state)
        if seen is None or state.time.at is None:
            return np.empty((0, 2))
        bands = self.bands(state)
        across = bands.box.x + seen.middles(state.width)
        down = [row.y + row.height / 2 for row in map(bands.row, range(bands.layers))]
        return np.stack([np.tile(across, bands.layers), np.repeat(down, state.width)], axis=1)


VIEWS = (AllLayersView(),)
