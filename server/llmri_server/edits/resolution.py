"""Which edit wins where several name the same unit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from llmri_protocol.messages import Edit

Place = tuple[str, int]  # site, layer


@dataclass
class PlaceEdits:
    """What happens at one site of one layer.

    Steering comes first: each of `steers` is added to all units. Then every unit in `units` obeys its own
    edit, so that an ablated unit stays ablated however the site is steered.
    """

    units: dict[int, Edit] = field(default_factory=dict)
    steers: list[Edit] = field(default_factory=list)


Resolved = Mapping[Place, PlaceEdits]


def resolve(edits: Iterable[Edit]) -> dict[Place, PlaceEdits]:
    """Return for each site and layer the edit that each unit obeys, the latest that names it, and the steers.

    A later steer with the same direction replaces an earlier one; other directions add up.
    """
    resolved: dict[Place, PlaceEdits] = {}
    for edit in edits:
        here = resolved.setdefault((edit.site, edit.layer), PlaceEdits())
        if edit.operation.aimed:
            here.steers = [steer for steer in here.steers if steer.direction != edit.direction]
            here.steers.append(edit)
        else:
            here.units.update(dict.fromkeys(edit.units, edit))
    return resolved


def latest(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Return the same edits without what a later one took over, and without those left empty.

    Order is kept; each unit is named once, and each direction of a place steers once. `resolve` gives the
    same for both.
    """
    remaining: list[Edit] = []
    taken: dict[Place, set[int]] = {}
    steered: set[tuple[Place, tuple[float, ...]]] = set()
    for edit in reversed(tuple(edits)):
        place = (edit.site, edit.layer)
        if edit.operation.aimed:
            if (place, edit.direction) not in steered:
                steered.add((place, edit.direction))
                remaining.append(edit)
            continue
        claimed = taken.setdefault(place, set())
        units = tuple(unit for unit in dict.fromkeys(edit.units) if unit not in claimed)
        claimed.update(units)
        if units:
            remaining.append(edit if units == edit.units else msgspec.structs.replace(edit, units=units))
    return tuple(reversed(remaining))
