"""The units of a model that shall be protected, with the evidence for each."""

import contextlib
from collections.abc import Iterable

from llmri_protocol.messages import ModelCard, ProtectedUnit
from llmri_server.protection.examination import Examination
from llmri_server.protection.lists import listed
from llmri_server.runtime import NonFiniteError, Runtime, UnsupportedError
from llmri_server.settings import Settings

STRENGTH = {"massive": 0, "loss": 1, "list": 2}  # where a unit is found in several ways, the first is told


def protect(runtime: Runtime, settings: Settings) -> tuple[ProtectedUnit, ...]:
    """Return the units to protect, as `settings.protect` says, when all passes are run.

    Where the runtime measures nothing, or the model's own values are not finite, only lists count.

    Raises:
        ConfigError: The lists or the calibration text can't be used.
    """
    found = known(runtime.card, settings)
    examination = examine(runtime, settings)
    if examination is None:
        return found
    with contextlib.suppress(UnsupportedError, NonFiniteError):
        while examination.advance():
            pass
    return each_once((*found, *examination.found()), runtime.card)


def known(card: ModelCard, settings: Settings) -> tuple[ProtectedUnit, ...]:
    """Return the units that lists name, where the settings ask for lists: that takes no pass.

    Raises:
        ConfigError: The lists can't be used.
    """
    return each_once(listed(card) if settings.protect in ("all", "lists") else (), card)


def examine(runtime: Runtime, settings: Settings) -> Examination | None:
    """Return the search that the settings ask for, not begun; None where they ask for none.

    Raises:
        ConfigError: The calibration text can't be used.
    """
    if settings.protect not in ("all", "massive"):
        return None
    return Examination(runtime, settings.protect_nats if settings.protect == "all" else None)


def each_once(found: Iterable[ProtectedUnit], card: ModelCard) -> tuple[ProtectedUnit, ...]:
    """Return every unit once, by site, layer and number, with its strongest evidence."""
    order = {site.name: number for number, site in enumerate(card.sites)}
    units: dict[tuple[int, int, int], ProtectedUnit] = {}
    for unit in sorted(found, key=lambda each: STRENGTH[each.test]):
        units.setdefault((order[unit.site], unit.layer, unit.unit), unit)
    return tuple(units[key] for key in sorted(units))
