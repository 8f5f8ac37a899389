"""Which units an experiment edits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.plan import AllUnits, LayerUnits, ListedUnits, Plan, SelectiveUnits
from llmri_server.experiments.selectivity import Mask, most_selective

Profiles = Mapping[str, Sequence[npt.NDArray[np.float64]]]  # a group's tasks, each `[layers, width]`
Chosen = ListedUnits | AllUnits | SelectiveUnits  # clusters were looked up before


@dataclass(frozen=True)
class Scope:
    """The layers of a site from which is chosen: `layers` of those that the model has, `width` units each."""

    layers: tuple[int, ...]
    depth: int
    width: int

    @property
    def mask(self) -> Mask:
        """All units of those layers, `[depth, width]`."""
        inside = np.zeros((self.depth, self.width), dtype=np.bool_)
        inside[list(self.layers)] = True
        return inside


def looked_up(plan: Plan) -> Chosen:
    """Return how a plan chooses its units.

    Raises:
        TypeError: By clusters, which only their file knows.
    """
    if not isinstance(plan.units, Chosen):
        raise TypeError("the clusters of a plan are looked up before it is run")
    return plan.units


def scopes(units: Chosen, depth: int, width: int, *, sweep: bool) -> tuple[Scope, ...]:
    """Return the scopes of an experiment: one, or in a sweep one a layer.

    Raises:
        ExperimentError: A layer is not there.
    """
    listed = [place.layer for place in units.places] if isinstance(units, ListedUnits) else list(units.layers)
    for layer in listed:
        if layer >= depth:
            raise ExperimentError(f"units name layer {layer}; this model has layers 0 to {depth - 1}")
    # Of listed units the layers are no scope: a control may be drawn anywhere, unless each stands alone.
    layers = tuple(sorted(set(listed))) if listed else tuple(range(depth))
    if sweep:
        return tuple(Scope((layer,), depth, width) for layer in layers)
    return (Scope(tuple(range(depth)) if isinstance(units, ListedUnits) else layers, depth, width),)


def choose(units: Chosen, scope: Scope, magnitudes: Profiles, protected: Mask | None = None) -> Mask:
    """Mark the units that are edited in a scope, `[depth, width]`.

    Args:
        units: How they are chosen.
        scope: Where.
        magnitudes: Mean magnitudes of all units, by group and task; only selective units need them.
        protected: Units whose ablation breaks the model, `[depth, width]`: none is chosen as selective.

    Raises:
        ExperimentError: A unit is not there, or there are fewer than so many.
    """
    if isinstance(units, AllUnits):
        return scope.mask
    if isinstance(units, ListedUnits):
        return _listed(units.places, scope)
    wanted, other = _contrast(units, magnitudes)
    rows = list(scope.layers)
    there = len(rows) * scope.width
    count = round((units.share or 0) * there) if units.count is None else units.count
    if not 0 < count <= there:
        raise ExperimentError(f"units are to be {count}, expected 1 to {there}: so many are in these layers")
    chosen = np.zeros((scope.depth, scope.width), dtype=np.bool_)
    if protected is not None:
        _check_room(count, there - int(protected[rows].sum()))
        wanted, other = (
            np.where(protected, 0.0, wanted),
            np.where(protected, 1.0, other),
        )  # the least selective
    chosen[rows] = most_selective(wanted[rows], other[rows], count)
    return chosen


def places_of(units: Mask) -> tuple[LayerUnits, ...]:
    """Write a mask as unit numbers, layer by layer."""
    return tuple(
        LayerUnits(layer=layer, units=tuple(np.flatnonzero(row).tolist()))
        for layer, row in enumerate(units)
        if row.any()
    )


def _check_room(count: int, free: int) -> None:
    if count > free:
        raise ExperimentError(
            f"units are to be {count}, expected 1 to {free}: the others there are protected"
        )


def _listed(places: Sequence[LayerUnits], scope: Scope) -> Mask:
    chosen = np.zeros((scope.depth, scope.width), dtype=np.bool_)
    for place in places:
        if max(place.units) >= scope.width:
            raise ExperimentError(
                f"units name unit {max(place.units)} of layer {place.layer}; it has units 0 to "
                f"{scope.width - 1}"
            )
        if place.layer in scope.layers:
            chosen[place.layer, list(place.units)] = True
    return chosen


def _contrast(
    units: SelectiveUnits, magnitudes: Profiles
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Each unit's mean magnitude over the group's tasks, and its greatest in any task of the others."""
    against = units.against or tuple(name for name in magnitudes if name != units.group)
    other = [values for name in against for values in magnitudes[name]]
    return np.mean(magnitudes[units.group], axis=0), np.max(other, axis=0)
