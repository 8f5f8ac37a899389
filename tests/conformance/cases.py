"""Every operation at every site under every condition."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from llmri_protocol import operations
from llmri_protocol.messages import Edit, ModelCard, Positions, Schedule, SiteCard

OPERATIONS = tuple(operations.OPERATIONS)
VALUES = {"scale": -0.3, "add": 1.7, "set": 0.45, "steer": 2.5}
SCHEDULES = (
    None,
    Schedule(first=1),
    Schedule(first=0, tokens=3, ramp=4),
    Schedule(first=1, tokens=2, ramp=2),
)
SINCE = (None, 4)
SPECIAL = (True, False)


def positions_of(length: int) -> tuple[Positions, ...]:
    """Return every kind of positions, and lists of single ones."""
    return ("all", "prompt", "generated", "last", (0, 2, length - 2), (length + 3,))


def conditions(length: int) -> Iterator[dict[str, Any]]:
    """Yield every combination of positions, since, special and schedule that has a meaning."""
    for positions, since, special, schedule in product(positions_of(length), SINCE, SPECIAL, SCHEDULES):
        if positions != "prompt" or schedule is None:
            yield {"positions": positions, "since": since, "special": special, "schedule": schedule}


def edit(site: SiteCard, layer: int, op: str, shift: int = 0, **others: object) -> Edit:
    """Return an edit of a few units, of the first and the last among them; of all for `steer`."""
    whom: dict[str, object] = {"units": tuple(sorted({0, (5 + shift) % site.width, site.width - 1}))}
    if op in operations.AIMED:
        whom = {"direction": tuple(float((unit * 7 + shift) % 11) - 4 for unit in range(site.width))}
    fields = {"site": site.name, "layer": layer, "op": op, "value": VALUES.get(op, 0.0), **whom, **others}
    return Edit(**fields)  # type: ignore[arg-type]  # fields of many types


def editable(card: ModelCard) -> list[SiteCard]:
    """Return the sites that can be edited."""
    return [site for site in card.sites if site.editable]


def batches(edits: Sequence[Edit], size: int = 48) -> Iterator[list[list[Edit]]]:
    """Yield edits alone, as variants, so many at once."""
    for start in range(0, len(edits), size):
        yield [[one] for one in edits[start : start + size]]
