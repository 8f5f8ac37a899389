"""The influence map: layers by units, and what changes in them."""

from dataclasses import dataclass

import msgspec
import numpy as np

from llmri_look import words
from llmri_look.view_names import ViewName
from llmri_protocol.arrays import array_of
from llmri_protocol.messages import MeasureInfluence
from llmri_viewer.model.history.store import Rows, ScanStore
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.measured.measuring import UNNUMBERED
from llmri_viewer.model.state import ViewState, by_layer
from llmri_viewer.views.all_layers import AllLayersView
from llmri_viewer.views.base import At, Entry
from llmri_viewer.views.picture import Picture, Words
from llmri_viewer.views.table import Table, encoded
from llmri_viewer.views.values.influence_map import ablated_in, influence_map, is_measured, measured

NOTE = 3 * UNIT  # the line over the map: what is measured, and how far
NORMS = 11 * UNIT  # the bars right of the map
EFFECTS = 29 * UNIT  # what the next token becomes
EFFECTS_FROM = 80 * UNIT  # pixels of width, from which that has a place


@dataclass(frozen=True)
class MapParts:
    """How the view is divided; `effects` is None where it has no room."""

    note: Box
    stage: Box
    norms: Box
    effects: Box | None


def parts(state: ViewState) -> MapParts:
    """Divide the view."""
    view = window_parts.of(state.window.size).view
    rest = Box(view.x, view.y + NOTE, view.width, max(1, view.height - NOTE))
    effects = None
    room = rest.width
    if rest.width >= EFFECTS_FROM:
        effects = Box(rest.right - EFFECTS, rest.y, EFFECTS, rest.height)
        room -= EFFECTS + 2 * UNIT
    stage = Box(rest.x, rest.y, max(1, room - NORMS - UNIT), rest.height)
    norms = Box(stage.right + UNIT, rest.y, NORMS, rest.height)
    return MapParts(view.row(0, NOTE - UNIT // 2), stage, norms, effects)


def asked_of(state: ViewState) -> tuple[MeasureInfluence, ...]:
    """Ask what ablating the selection does up to the shown token; nothing where it cannot be measured."""
    site, at = state.site_card, state.time.at
    if (
        state.connection.read_only
        or not state.selection.units
        or site is None
        or not site.editable
        or at is None
    ):
        return ()
    edits = state.scaling(0.0)
    return (MeasureInfluence(id=UNNUMBERED, edits=edits, site=state.pane.site, turn=at.turn, token=at.token),)


class InfluenceView(AllLayersView):
    """Layers by units, as all layers are shown, but for what is shown of them."""

    name: ViewName = "influence"
    scaled = False
    measures = "influence"

    def entered(self, state: ViewState, _store: ScanStore, /) -> Entry:
        """See `View`: have the selection's influence measured, where it is not known."""
        if "influence" in state.measurements.pending or is_measured(state):
            return Entry(state)
        return Entry(state, asked_of(state))

    def picture(self, state: ViewState, store: ScanStore, /) -> Picture | None:
        """See `View`."""
        found = influence_map(state, store)
        return Picture(found.rows.ravel(), found.scale) if found else None

    def table(self, state: ViewState, store: ScanStore, /) -> Table | None:
        """See `View`: each unit's measured change, or its correlation with the selection."""
        found, asked = influence_map(state, store), measured(state)
        if found is None:
            return None
        layers = np.flatnonzero(np.isfinite(found.rows).any(axis=1))
        shown, width = found.rows[layers], found.rows.shape[1]
        columns = {"layer": np.repeat(layers, width), "unit": np.tile(np.arange(width), len(layers))}
        if asked is None:
            return Table({**columns, "correlation": shown.reshape(-1)}, {"tokens": found.tokens})
        columns["ablated"] = np.isnan(found.caused[layers]).reshape(-1)
        scale = found.scale
        ends = {"low": scale.low, "high": scale.high, "log": scale.log, "unit": "standard deviations"}
        facts: dict[str, str | int | float] = {
            "scale": encoded(ends),
            "kl": asked[1].kl,
            "asked": msgspec.json.encode(asked[0].request).decode(),
        }
        return Table({**columns, "change": shown.reshape(-1)}, facts)

    def why_empty(self, state: ViewState, store: ScanStore, /) -> Words:
        """See `View`: what to do next where nothing can be shown."""
        if state.connection.card is None or state.time.at is None:
            return super().why_empty(state, store)
        if not state.selection.units:
            return (
                "No unit is selected",
                "Select units in the grid (click, or drag a line around them with the right button) or a "
                "cluster ({circles.toggle}); {influence.toggle} then measures what ablating them changes.",
            )
        return "Too few scans", "Three tokens of this turn are needed to tell which units fire together."

    def stage(self, state: ViewState, /) -> Box:
        """See `View`."""
        return parts(state).stage

    def title(self, state: ViewState, /) -> tuple[str, str]:
        """See `View`."""
        if measured(state) is not None:
            return "Causal influence", f"of ablating units, at {state.pane.site}"
        if state.selection.units:
            return (
                "Co-activation",
                f"with {words.count(len(state.selection.units), 'selected unit')}, at {state.pane.site}",
            )
        return "Influence map", ""

    def unit_at(self, state: ViewState, at: At, /) -> int | None:
        """See `View`: where a pixel has several units, the one that changed most."""
        found, seen = measured(state), self.columns(state)
        layer = self.layer_at(state, at)
        if found is None or seen is None or seen.single or layer not in found[1].layers:
            return super().unit_at(state, at)
        box = self.bands(state).box
        if not box.holds(*at):
            return None
        row = array_of(found[1])[found[1].layers.index(layer)].copy()
        ablated = [unit for unit in by_layer(ablated_in(found[0])).get(layer, ()) if unit < row.size]
        row[ablated] = np.nan  # theirs is no effect
        return layer * state.width + seen.strongest_at(row, int(at[0]) - box.x)

    def read_at(self, state: ViewState, at: At, values: Rows, /) -> int | None:
        """See `View`. None where nothing was measured."""
        index = super().read_at(state, at, values)
        return None if index is None or np.isnan(values[index]) else index


VIEWS = (InfluenceView(),)
