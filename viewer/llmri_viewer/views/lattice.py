"""Views with a unit a cell: the grid of one layer, and the Hebbian layout of all clustered units."""

from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

from llmri_look import words
from llmri_look.view_names import ViewName
from llmri_viewer.model.clusters import cluster_words
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.clusters.edges import edges_of
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box, Camera, Grid, fitting, grid_of
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.unit_selection import AtlasUnits, LayerUnits, UnitSelection
from llmri_viewer.views import legend
from llmri_viewer.views.base import At, PlainView, Points
from llmri_viewer.views.picture import scale_in_words
from llmri_viewer.views.table import Table

Ints = npt.NDArray[np.intp]
SETTLE_SECONDS = 0.6


@dataclass(frozen=True, eq=False)
class Lattice:
    """Which cell each unit stands in.

    Attributes:
        grid: The cells.
        cells: Cell of each unit, `[units]`.
        units: Unit in each cell, `[cells]`; -1 in an empty one.
        ordered: Whether each unit stands in the cell of its own number.
    """

    grid: Grid
    cells: Ints
    units: Ints
    ordered: bool = False


@cache
def in_order(width: int) -> Lattice:
    """Lay units out in their own order."""
    grid = grid_of(width)
    units = np.full(grid.rows * grid.columns, -1, np.intp)
    units[:width] = np.arange(width)
    return Lattice(grid, np.arange(width), units, ordered=True)


@lru_cache(maxsize=4)
def hebbian(atlas: Atlas) -> Lattice:
    """Lay units out as a clustering has placed them."""
    placement = atlas.clustering.placement
    rows, columns = placement.shape
    cells = placement.cells[:, 0].astype(np.intp) * columns + placement.cells[:, 1]
    units = np.full(rows * columns, -1, np.intp)
    units[cells] = np.arange(len(cells))
    return Lattice(Grid(rows * columns, columns, rows), cells, units)


class LatticeView(PlainView):
    """What both have in common: a camera over whole cells."""

    scaled = True

    def lattice(self, state: ViewState, /) -> Lattice | None:
        """Return the cells, None where there are no units to show."""
        raise NotImplementedError

    def stage(self, state: ViewState, /) -> Box:
        """See `View`."""
        raise NotImplementedError

    def camera(self, state: ViewState, grid: Grid) -> Camera:
        """Return the camera that holds now."""
        return state.pane.camera or fitting(grid, self.stage(state))

    def unit_at(self, state: ViewState, at: At, /) -> int | None:
        """See `View`."""
        lattice = self.lattice(state)
        if lattice is None or state.time.at is None:
            return None
        cell = self.camera(state, lattice.grid).unit_at(lattice.grid, self.stage(state), *at)
        unit = -1 if cell is None else int(lattice.units[cell])
        return unit if unit >= 0 else None

    def box_of(self, state: ViewState, index: int, /) -> Box | None:
        """See `View`."""
        lattice, stage = self.lattice(state), self.stage(state)
        if lattice is None or state.time.at is None or index >= lattice.cells.size:
            return None
        box = self.camera(state, lattice.grid).cell_box(lattice.grid, stage, int(lattice.cells[index]))
        return box if stage.holds(box.x + box.width // 2, box.y + box.height // 2) else None

    def middles(self, state: ViewState, /) -> Points:
        """See `View`."""
        lattice, stage = self.lattice(state), self.stage(state)
        if lattice is None or state.time.at is None:
            return np.empty((0, 2))
        camera = self.camera(state, lattice.grid)
        row, column = np.divmod(lattice.cells, lattice.grid.columns)
        corner = np.asarray([stage.x + round(camera.x), stage.y + round(camera.y)])
        return corner + (np.stack([column, row], axis=1) + 0.5) * camera.cell

    def zoomed(self, state: ViewState, steps: int, at: tuple[float, float] | None, /) -> ViewState:
        """See `View`."""
        lattice, stage = self.lattice(state), self.stage(state)
        if lattice is None:
            return state
        x, y = (at[0] - stage.x, at[1] - stage.y) if at else (stage.width / 2, stage.height / 2)
        camera = self.camera(state, lattice.grid).zoomed(steps, x, y)
        return replace(state, pane=replace(state.pane, camera=camera.kept_in_sight(lattice.grid, stage)))

    def panned(self, state: ViewState, dx: float, dy: float, /) -> ViewState:
        """See `View`."""
        lattice = self.lattice(state)
        if lattice is None:
            return state
        camera = self.camera(state, lattice.grid).panned(dx, dy)
        return replace(
            state, pane=replace(state.pane, camera=camera.kept_in_sight(lattice.grid, self.stage(state)))
        )

    def fitted(self, state: ViewState, /) -> ViewState:
        """See `View`."""
        return replace(state, pane=replace(state.pane, camera=None))


class GridView(LatticeView):
    """One layer, unit after unit."""

    name: ViewName = "grid"
    home = True

    def scale_words(self, state: ViewState, /) -> str:
        """See `View`."""
        return scale_in_words(state, "this layer")

    def lattice(self, state: ViewState, /) -> Lattice | None:
        """See `LatticeView`."""
        return in_order(state.width) if state.width else None

    def stage(self, state: ViewState, /) -> Box:
        """See `View`."""
        return window_parts.of(state.window.size).view

    def subject(self, state: ViewState, /) -> UnitSelection | None:
        """See `View`."""
        return LayerUnits(state.pane.layer, state.width) if state.width else None

    def title(self, state: ViewState, /) -> tuple[str, str]:
        """See `View`."""
        name = words.units(state.site_card, state.width) if state.site_card else ""
        return name, f"at {state.pane.site}, layer {state.pane.layer}"


class HebbianView(LatticeView):
    """All units of the clustering, those that fire together side by side."""

    name: ViewName = "hebbian"
    of_clusters = True
    settles = True

    def advanced(self, state: ViewState, seconds: float, /) -> ViewState:
        """See `View`: units glide from index order to their place."""
        if state.pane.settling >= 1:
            return state
        share = min(1.0, state.pane.settling + seconds / SETTLE_SECONDS)
        return replace(state, pane=replace(state.pane, settling=share))

    def table(self, state: ViewState, store: ScanStore, /) -> Table | None:
        """See `View`: with each unit's cluster, and its place in the layout."""
        found = super().table(state, store)
        if found is None or state.atlas is None:
            return None
        lattice, labels = hebbian(state.atlas), state.atlas.clustering.labels
        row, column = np.divmod(lattice.cells, lattice.grid.columns)
        return Table({**found.columns, "cluster": labels, "row": row, "column": column}, found.facts)

    def lattice(self, state: ViewState, /) -> Lattice | None:
        """See `LatticeView`."""
        return hebbian(state.atlas) if state.atlas else None

    def stage(self, state: ViewState, /) -> Box:
        """See `View`."""
        return window_parts.staged(window_parts.of(state.window.size).view)[1]

    def subject(self, state: ViewState, /) -> UnitSelection | None:
        """See `View`."""
        return AtlasUnits(state.atlas) if state.atlas else None

    def title(self, state: ViewState, /) -> tuple[str, str]:
        """See `View`."""
        subject = self.subject(state)
        if subject is None or state.site_card is None:
            return "Hebbian layout", ""
        where = f"Hebbian layout at {state.pane.site}, {subject.where}"
        if state.look.edges and state.atlas:
            known = state.clusters.partners and edges_of(
                state.atlas, state.clusters.partners, state.selection.units
            )
            where += f"; {known.words if known else 'lines: correlations are being worked out'}"
        if state.atlas and window_parts.staged(window_parts.of(state.window.size).view)[0] is None:
            where += f"; {cluster_words.provenance(state.atlas.clustering.provenance)}"
        return words.units(state.site_card, len(subject)), where

    def cluster_at(self, state: ViewState, at: At, /) -> int | None:
        """See `View`."""
        unit = self.unit_at(state, at)
        if unit is None:
            return legend.cluster_at(state, at)
        number = int(state.atlas.clustering.labels[unit]) if state.atlas else -1
        return number if number >= 0 else None


VIEWS = (GridView(), HebbianView())
