"""Edits as a client wrote them, made into what the journal keeps."""

from collections.abc import Sequence

import msgspec

from llmri_protocol.messages import Edit, ModelCard
from llmri_protocol.plain import PlainIntervention


def normalised(edits: Sequence[Edit], card: ModelCard, since: int | None = None) -> tuple[Edit, ...]:
    """Return the same edits with heads written out as their units.

    Args:
        edits: Edits that fit the model.
        card: The model.
        since: The first position that they may edit, where they name none themselves; None leaves them.
    """
    heads = {site.name: (site.width, site.heads) for site in card.sites}
    return tuple(_with_units(_from_now(edit, since), *heads[edit.site]) for edit in edits)


def plain_edits(command: PlainIntervention, card: ModelCard) -> tuple[Edit, ...]:
    """Return the edits that a plain intervention asks for, at the default site and the last position.

    Units multiplied by 1 are left out: that changes nothing.
    """
    units_of: dict[float, list[int]] = {}
    for unit, value in command.interventions.items():
        if value != 1:
            units_of.setdefault(value, []).append(unit)
    layers = range(card.layers) if command.layer is None else (command.layer,)
    return tuple(
        Edit(site=card.default_site, layer=layer, units=tuple(units), value=value, positions="last")
        for layer in layers
        for value, units in units_of.items()
    )


def _from_now(edit: Edit, since: int | None) -> Edit:
    if since is None or edit.since is not None:
        return edit
    return msgspec.structs.replace(edit, since=since)


def _with_units(edit: Edit, width: int, heads: int) -> Edit:
    if not edit.heads:
        return edit
    size = width // heads
    units = tuple(unit for head in edit.heads for unit in range(head * size, (head + 1) * size))
    return msgspec.structs.replace(edit, units=tuple(dict.fromkeys((*edit.units, *units))), heads=())
