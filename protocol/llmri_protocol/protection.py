"""Notices about the search for protected units, in words that programs can read too.

What is found while a server runs is on the card, which is sent again (`card`), and is said in a notice: for
people, and for a recording that holds no such card.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, cast

import msgspec

from llmri_protocol.fields import ProtectionTest
from llmri_protocol.messages import Edit, ModelCard, Notice, ProtectedUnit
from llmri_protocol.spans import spans

Phase = Literal["searching", "over"]

SEARCHING = "looking for protected units"
FOUND = "protected from now on"
NOTHING = "no protected units were found"
UNCHECKED = "this edit was not checked yet"
BROKEN_OFF = "the search for protected units"
PHASES: dict[str, Phase] = {SEARCHING: "searching", FOUND: "over", NOTHING: "over", BROKEN_OFF: "over"}

MOST = 1 << 16  # units that are taken from one notice
EVIDENCE = "found while the server ran"
_GROUP = re.compile(
    r"unit ([0-9]{1,10}) of `([a-z_]{1,64})` in layers? ([0-9,-]{1,20000}) \((massive|loss|list)\)"
)
_SPAN = re.compile(r"([0-9]{1,7})(?:-([0-9]{1,7}))?")


def found_in_words(units: Sequence[ProtectedUnit]) -> str:
    """Say which units were found: `protected from now on: unit 5 of `resid_post` in layers 0-2 (massive)`."""
    if not units:
        return NOTHING
    groups: dict[tuple[str, int, ProtectionTest], list[int]] = {}
    for unit in units:
        groups.setdefault((unit.site, unit.unit, unit.test), []).append(unit.layer)
    said = [
        f"unit {unit} of `{site}` in layer{'s' if len(layers) > 1 else ''} {spans(sorted(layers))} ({test})"
        for (site, unit, test), layers in groups.items()
    ]
    return f"{FOUND}: {'; '.join(said)}"


def phase_of(notice: Notice) -> Phase | None:
    """Say how far the search is that a notice tells of; None where it tells of something else."""
    return next((phase for start, phase in PHASES.items() if notice.message.startswith(start)), None)


def with_found(card: ModelCard, notice: Notice) -> ModelCard:
    """Return the card with the units that a notice names; the same card where it names none that is new."""
    if not notice.message.startswith(FOUND):
        return card
    known = {(unit.site, unit.layer, unit.unit) for unit in card.protected}
    new: list[ProtectedUnit] = []
    for unit in _units_in(notice.message, card):
        if (unit.site, unit.layer, unit.unit) not in known and len(new) < MOST:
            known.add((unit.site, unit.layer, unit.unit))
            new.append(unit)
    return msgspec.structs.replace(card, protected=(*card.protected, *new)) if new else card


Guarded = Mapping[tuple[str, int], frozenset[int]]


def guarded_places(card: ModelCard | None) -> Guarded:
    """Return the protected units of each site and layer that has any."""
    places: dict[tuple[str, int], set[int]] = {}
    for unit in card.protected if card else ():
        places.setdefault((unit.site, unit.layer), set()).add(unit.unit)
    return {place: frozenset(units) for place, units in places.items()}


def protected_of(edit: Edit, guarded: Guarded) -> int:
    """Count the protected units that an edit names."""
    here = guarded.get((edit.site, edit.layer))
    return len(here.intersection(edit.units)) if here else 0


def _units_in(sentence: str, card: ModelCard) -> Iterator[ProtectedUnit]:
    """Yield the units that a sentence names and the model has."""
    widths = {site.name: site.width for site in card.sites}
    for number, site, layers, test in _GROUP.findall(sentence):
        if int(number) < widths.get(site, 0):
            for layer in _layers(layers.split(","), card.layers):
                yield ProtectedUnit(
                    site=site,
                    layer=layer,
                    unit=int(number),
                    test=cast("ProtectionTest", test),
                    evidence=EVIDENCE,
                )


def _layers(pieces: Iterable[str], count: int) -> Iterator[int]:
    for piece in pieces:
        match = _SPAN.fullmatch(piece)
        if match is not None:
            first, last = int(match[1]), int(match[2] or match[1])
            yield from range(first, min(last + 1, count))
