"""Which edit wins where several name the same unit."""

from collections.abc import Iterable

import msgspec

from llmri_protocol.messages import Edit

Place = tuple[str, int]  # site, layer
Resolved = dict[Place, dict[int, Edit]]


def resolve(edits: Iterable[Edit]) -> Resolved:
    """Give for each site and layer the edit that each unit obeys: the latest that names it."""
    resolved: Resolved = {}
    for edit in edits:
        resolved.setdefault((edit.site, edit.layer), {}).update(dict.fromkeys(edit.units, edit))
    return resolved


def latest(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Give the same edits without the units that a later one took over, and without those left empty.

    Order is kept; each unit is named once. `resolve` gives the same for both.
    """
    remaining: list[Edit] = []
    taken: dict[Place, set[int]] = {}
    for edit in reversed(tuple(edits)):
        claimed = taken.setdefault((edit.site, edit.layer), set())
        units = tuple(unit for unit in dict.fromkeys(edit.units) if unit not in claimed)
        claimed.update(units)
        if units:
            remaining.append(edit if units == edit.units else msgspec.structs.replace(edit, units=units))
    return tuple(reversed(remaining))
