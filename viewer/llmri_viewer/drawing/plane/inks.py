"""The colours of the circle view: of units by activity and edits, of grounds and rings by cluster."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from llmri_look.colours import colour, palette
from llmri_look.colours.colour import Bytes
from llmri_look.colours.theme import Colour, Theme, blend
from llmri_look.edit_effects import EditEffect, effect_of
from llmri_protocol.messages import Edit
from llmri_viewer.drawing.marks import TINT, edit_colour
from llmri_viewer.drawing.rings import RingStyle
from llmri_viewer.model.clusters.atlas import Atlas, Ints, chosen, chosen_clusters
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.picture import Picture

FILL, DEEPER = 0.24, 0.07  # of a cluster's colour in its ground, and more a level inside it
LEVEL = 0.35  # of the line colour in the ground of a group of clusters
RING, RING_SELECTED, RING_OTHER = 1.6, 3.0, 1.0  # pixels


def inks(theme: Theme, atlas: Atlas, state: ViewState, picture: Picture | None) -> Bytes:
    """The colour of everything a raster can name, `[ids, 3]`: units, their rims, groups, and nothing."""
    inner = np.full((len(atlas.drawn), 3), blend(theme.dim, theme.panel, 0.5), np.uint8)
    if picture is not None:
        known = np.isfinite(picture.values)
        table = colour.table(state.look.colour_map, theme.name)
        inner[known] = colour.paint(picture.values[known], picture.scale, table)
    rim = inner.copy()
    whole = np.isin(atlas.clustering.labels, chosen_clusters(atlas, state.selection.units))
    rim[chosen(atlas, state.selection.units) & ~whole] = theme.accent
    later, effects = edited(atlas, state.later_edits)
    rim[later] = _tints(theme, effects)  # they stand now: what the units show is not of them
    units, effects = edited(atlas, state.shown_edits)
    tints = _tints(theme, effects)
    inner[units] = np.round(TINT * tints + (1 - TINT) * inner[units])
    rim[units] = tints
    return np.concatenate([inner, rim, grounds(atlas, theme)])


def _tints(theme: Theme, effects: tuple[EditEffect, ...]) -> npt.NDArray[np.float32]:
    return np.asarray([edit_colour(theme, done) for done in effects], np.float32).reshape(-1, 3)


def packed(colours: Bytes) -> npt.NDArray[np.uint32]:
    """Return colours as one number each, red in the lowest byte."""
    rows = colours.astype(np.uint32)
    return np.asarray(rows[:, 0] | rows[:, 1] << 8 | rows[:, 2] << 16, np.uint32)


@lru_cache(maxsize=8)
def edited(atlas: Atlas, edits: tuple[Edit, ...]) -> tuple[Ints, tuple[EditEffect, ...]]:
    """Return the edited units of the set and what is done to them; the last edit of a unit holds."""
    found = {
        index: effect_of(edit)
        for edit in edits
        if edit.site == atlas.site
        for unit in edit.units
        if (index := atlas.index(edit.layer, unit)) is not None
    }
    return np.fromiter(found, np.intp), tuple(found.values())


@lru_cache(maxsize=4)
def grounds(atlas: Atlas, theme: Theme) -> Bytes:
    """Return the colour of each group's ground, and last that of the window, `[groups + 1, 3]`.

    A cluster below its null has none of its own: it is hollow.
    """
    found: list[Colour] = []
    for group, parent in enumerate(atlas.clustering.nesting.parent.tolist()):
        under = theme.background if parent < 0 else found[parent]
        number = int(atlas.group_cluster[group])
        if number in atlas.below_null:
            found.append(under)
        elif number < 0:
            found.append(blend(theme.line, under, LEVEL))
        else:
            own = atlas.clustering.group_cluster[group] >= 0
            found.append(blend(palette.of_cluster(number, theme.name), under, FILL if own else DEEPER))
    return np.asarray([*found, theme.background], np.uint8)


def ring_of(theme: Theme, atlas: Atlas, group: int, selected: tuple[int, ...]) -> RingStyle:
    """Return a group's outline: its cluster's colour, dashed below the null, the accent when selected."""
    number, inside = int(atlas.clustering.group_cluster[group]), int(atlas.group_cluster[group])
    if inside < 0:
        return RingStyle(RING_OTHER, theme.line, dashed=False)
    own = palette.of_cluster(inside, theme.name)
    dashed = inside in atlas.below_null
    if number < 0:
        return RingStyle(RING_OTHER, blend(own, theme.background, 0.5), dashed=False)
    if number in selected:
        return RingStyle(RING_SELECTED, theme.accent, dashed)
    return RingStyle(RING, own, dashed)
