"""The influence map: layers by units, and what changes in them."""

from dataclasses import dataclass

import numpy as np

from llmri_protocol.arrays import array_of
from llmri_viewer.model.history.store import Rows
from llmri_viewer.model.layout import face
from llmri_viewer.model.layout.face import UNIT
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState, by_layer
from llmri_viewer.model.wording import words
from llmri_viewer.views.all_layers import AllLayersView
from llmri_viewer.views.base import At
from llmri_viewer.views.values.influence_map import ablated_in, measured

NOTE = 3 * UNIT  # the line over the map: what is measured, and how far
NORMS = 11 * UNIT  # the bars right of the map
EFFECTS = 29 * UNIT  # what the next token becomes
EFFECTS_FROM = 80 * UNIT  # pixels of width, from which that has a place


@dataclass(frozen=True)
class Parts:
    """How the view is divided; `effects` is None where it has no room."""

    note: Box
    stage: Box
    norms: Box
    effects: Box | None


def parts(state: ViewState) -> Parts:
    """Divide the view."""
    view = face.of(state.size).view
    rest = Box(view.x, view.y + NOTE, view.width, max(1, view.height - NOTE))
    effects = None
    room = rest.width
    if rest.width >= EFFECTS_FROM:
        effects = Box(rest.right - EFFECTS, rest.y, EFFECTS, rest.height)
        room -= EFFECTS + 2 * UNIT
    stage = Box(rest.x, rest.y, max(1, room - NORMS - UNIT), rest.height)
    norms = Box(stage.right + UNIT, rest.y, NORMS, rest.height)
    return Parts(view.row(0, NOTE - UNIT // 2), stage, norms, effects)


class InfluenceView(AllLayersView):
    """Layers by units, as all layers are shown, but for what is shown of them."""

    scaled = False

    def stage(self, state: ViewState, /) -> Box:
        """See `View`."""
        return parts(state).stage

    def title(self, state: ViewState, /) -> tuple[str, str]:
        """See `View`."""
        if measured(state) is not None:
            return "Causal influence", f"of ablating units, at {state.site}"
        if state.selection:
            return (
                "Co-activation",
                f"with {words.count(len(state.selection), 'selected unit')}, at {state.site}",
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
