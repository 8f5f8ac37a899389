"""The circle view: clusters as nested circles, a unit a small one."""

from dataclasses import replace

import numpy as np

from llmri_look import words
from llmri_look.view_names import ViewName
from llmri_viewer.model.clusters import cluster_words
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.disc_camera import FLIGHT_SECONDS, DiscCamera, Flight
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.unit_selection import AtlasUnits, UnitSelection
from llmri_viewer.views import legend
from llmri_viewer.views.base import At, PlainView, Points, is_whole, unzoomed
from llmri_viewer.views.table import Table

LEAST_UNITS_ACROSS = 3.0  # the closest look: so many units side by side fill the view
MOST = 4.0  # the widest look, in radii of the whole


def lens_of(state: ViewState, atlas: Atlas) -> DiscCamera:
    """Return the lens that holds now, on its way where it is moving."""
    end = state.pane.disc_camera or around(atlas, state.pane.focus)
    return state.pane.flight.start.towards(end, state.pane.flight.eased) if state.pane.flight else end


def around(atlas: Atlas, group: int) -> DiscCamera:
    """Return the lens that a group fills."""
    x, y, radius = atlas.packing.groups[group].tolist()
    return DiscCamera(x, y, radius)


def flown(state: ViewState, group: int) -> ViewState:
    """Send the camera to a group."""
    if state.atlas is None:
        return state
    start = lens_of(state, state.atlas)
    return replace(state, pane=replace(state.pane, focus=group, disc_camera=None, flight=Flight(start)))


def _moved(state: ViewState, lens: DiscCamera) -> ViewState:
    """Set the lens by hand; for a moment the camera counts as moving, since more such moves may follow."""
    return replace(state, pane=replace(state.pane, disc_camera=lens, flight=Flight(lens)))


def groups_at(atlas: Atlas, x: float, y: float) -> list[int]:
    """Return the groups around a point of the plane, outermost first."""
    groups = atlas.packing.groups
    inside = (groups[:, 0] - x) ** 2 + (groups[:, 1] - y) ** 2 <= groups[:, 2] ** 2
    return np.flatnonzero(inside).tolist()


def group_to_enter(state: ViewState, atlas: Atlas, at: At) -> int | None:
    """The group that a look into this point leads to: the cluster there, or a level deeper than now."""
    lens, stage = lens_of(state, atlas), stage_of(state)
    if not stage.holds(*at):
        return None
    chain = groups_at(atlas, *lens.point(stage, *at))
    if state.pane.focus in chain:
        chain = chain[chain.index(state.pane.focus) + 1 :]
        if atlas.group_cluster[state.pane.focus] >= 0:
            return chain[0] if chain else None
    clusters = [group for group in chain if atlas.clustering.group_cluster[group] >= 0]
    ends = clusters or chain[-1:]
    return ends[0] if ends else None


def stage_of(state: ViewState) -> Box:
    """Return the part of the window that the circles have."""
    return window_parts.staged(window_parts.of(state.window.size).view)[1]


def cluster_box(state: ViewState, number: int) -> Box | None:
    """Return the pixels of a cluster's circle, None where its middle is not in sight."""
    atlas = state.atlas
    if state.pane.view != "circles" or atlas is None or number not in atlas.cluster_group:
        return None
    return _pixels(state, atlas, atlas.packing.groups[atlas.cluster_group[number]].tolist())


def _pixels(state: ViewState, atlas: Atlas, circle: list[float]) -> Box | None:
    stage, lens = stage_of(state), lens_of(state, atlas)
    if not np.isfinite(circle).all():
        return None
    x, y = lens.pixel(stage, circle[0], circle[1])
    radius = circle[2] * lens.scale(stage)
    if not stage.holds(x, y):
        return None
    return Box(round(x - radius), round(y - radius), round(2 * radius), round(2 * radius))


class CirclesView(PlainView):
    """All units of the clustering, packed."""

    name: ViewName = "circles"
    of_clusters = True
    scaled = True
    packs = True

    def advanced(self, state: ViewState, seconds: float, /) -> ViewState:
        """See `View`: the camera moves."""
        if state.pane.flight is None:
            return state
        share = state.pane.flight.share + seconds / FLIGHT_SECONDS
        flight = replace(state.pane.flight, share=share) if share < 1 else None
        return replace(state, pane=replace(state.pane, flight=flight))

    def table(self, state: ViewState, store: ScanStore, /) -> Table | None:
        """See `View`: with each unit's cluster, and its circle in the plane."""
        found = super().table(state, store)
        if found is None or state.atlas is None:
            return None
        x, y, radius = state.atlas.packing.units.T
        labels = state.atlas.clustering.labels
        return Table({**found.columns, "cluster": labels, "x": x, "y": y, "radius": radius}, found.facts)

    def stepped_out(self, state: ViewState, /) -> ViewState | None:
        """See `View`: to the circle around, or out of a lens that was set by hand."""
        if state.atlas is None or not (state.pane.focus or state.pane.disc_camera):
            return super().stepped_out(state)
        parent = int(state.atlas.clustering.nesting.parent[state.pane.focus])
        return flown(state, state.pane.focus if state.pane.disc_camera else max(0, parent))

    def with_unit(self, state: ViewState, index: int, /) -> ViewState:
        """See `View`."""
        return state if is_whole(self.box_of(state, index), self.stage(state)) else unzoomed(state)

    def with_cluster(self, state: ViewState, number: int, /) -> ViewState:
        """See `View`."""
        group = state.atlas.cluster_group.get(number) if state.atlas else None
        return state if group is None else flown(state, group)

    def stage(self, state: ViewState, /) -> Box:
        """See `View`."""
        return stage_of(state)

    def subject(self, state: ViewState, /) -> UnitSelection | None:
        """See `View`."""
        return AtlasUnits(state.atlas) if state.atlas else None

    def title(self, state: ViewState, /) -> tuple[str, str]:
        """See `View`."""
        atlas, subject = state.atlas, self.subject(state)
        if atlas is None or subject is None or state.site_card is None:
            return "Clusters", ""
        count = len(atlas.clustering.clusters)
        clusters = f"{count} cluster{'s' if count != 1 else ''}"
        missing = int((~atlas.drawn).sum())
        where = f"at {state.pane.site}, {subject.where}" + (f"; {missing} not drawn" if missing else "")
        if window_parts.staged(window_parts.of(state.window.size).view)[0] is None:
            where += f"; {cluster_words.provenance(atlas.clustering.provenance)}"
        return f"{words.units(state.site_card, int(atlas.drawn.sum()))} in {clusters}", where

    def unit_at(self, state: ViewState, at: At, /) -> int | None:
        """See `View`."""
        atlas, stage = state.atlas, self.stage(state)
        if atlas is None or not stage.holds(*at):
            return None
        # A pixel is named by its upper left corner and shown by its middle.
        x, y = lens_of(state, atlas).point(stage, at[0] + 0.5, at[1] + 0.5)
        units = atlas.packing.units
        beyond = np.hypot(units[:, 0] - x, units[:, 1] - y) - units[:, 2]
        if not atlas.drawn.any():
            return None
        nearest = int(np.nanargmin(beyond))
        return nearest if beyond[nearest] <= 0 else None

    def cluster_at(self, state: ViewState, at: At, /) -> int | None:
        """See `View`."""
        atlas, stage = state.atlas, self.stage(state)
        if atlas is None or not stage.holds(*at):
            return legend.cluster_at(state, at)
        around_it = groups_at(atlas, *lens_of(state, atlas).point(stage, at[0] + 0.5, at[1] + 0.5))
        number = int(atlas.group_cluster[around_it[-1]]) if around_it else -1
        return number if number >= 0 else None

    def box_of(self, state: ViewState, index: int, /) -> Box | None:
        """See `View`."""
        if state.atlas is None or not 0 <= index < len(state.atlas.drawn):
            return None
        return _pixels(state, state.atlas, state.atlas.packing.units[index].tolist())

    def middles(self, state: ViewState, /) -> Points:
        """See `View`."""
        if state.atlas is None:
            return np.empty((0, 2))
        units, stage = state.atlas.packing.units, self.stage(state)
        x, y = lens_of(state, state.atlas).pixel(stage, units[:, 0], units[:, 1])
        return np.stack([x, y], axis=1)

    def zoomed(self, state: ViewState, steps: int, at: tuple[float, float] | None, /) -> ViewState:
        """See `View`."""
        atlas, stage = state.atlas, self.stage(state)
        if atlas is None:
            return state
        x, y, radius = atlas.packing.groups[0].tolist()
        at = at or (stage.x + stage.width / 2, stage.y + stage.height / 2)
        least = LEAST_UNITS_ACROSS * float(np.nanmax(atlas.packing.units[:, 2], initial=radius / 1e4))
        lens = lens_of(state, atlas).zoomed(steps, stage, at, least, MOST * radius)
        return _moved(state, lens.kept_in_sight(x, y, radius))

    def panned(self, state: ViewState, dx: float, dy: float, /) -> ViewState:
        """See `View`."""
        if state.atlas is None:
            return state
        whole = state.atlas.packing.groups[0].tolist()
        lens = lens_of(state, state.atlas).panned(self.stage(state), dx, dy)
        return _moved(state, lens.kept_in_sight(*whole))

    def fitted(self, state: ViewState, /) -> ViewState:
        """See `View`."""
        return flown(state, 0)


VIEWS = (CirclesView(),)
