"""The units of a model that shall be protected, with the evidence for each.

Everything is measured on the first `TOKENS` tokens of the calibration text: magnitudes in few passes a site,
then ablations, at most 49 rows of that length in all. What is found at a block's end holds for the next
block's input too, which is the same numbers.
"""

import contextlib
from collections.abc import Iterable, Iterator

import msgspec

from llmri_protocol.messages import ModelCard, ProtectedUnit
from llmri_server.calibration import calibration_ids
from llmri_server.protection.candidates import MOST, Price, choose, prices
from llmri_server.protection.lists import listed
from llmri_server.protection.magnitudes import Outlier, Unit, activations, outliers
from llmri_server.protection.massive import RESIDUAL, Massive, in_words, massive_activations
from llmri_server.runtime import NonFiniteError, Runtime, UnsupportedError
from llmri_server.settings import Settings

TOKENS = 128
STRENGTH = {"massive": 0, "loss": 1, "list": 2}  # where a unit is found in several ways, the first is told


def protect(runtime: Runtime, settings: Settings) -> tuple[ProtectedUnit, ...]:
    """Give the units to protect, as `settings.protect` says; each once, by site, layer and number.

    Where the runtime measures nothing, or the model's own values are not finite, only lists count.

    Raises:
        ConfigError: The lists or the calibration text can't be used.
    """
    found: list[ProtectedUnit] = []
    if settings.protect in ("all", "lists"):
        found += listed(runtime.card)
    if settings.protect in ("all", "massive"):
        nats = settings.protect_nats if settings.protect == "all" else None
        with contextlib.suppress(UnsupportedError, NonFiniteError):
            found += measured(runtime, nats)
    return _each_once(found, runtime.card)


def measured(runtime: Runtime, nats: float | None) -> list[ProtectedUnit]:
    """Give the massive units and, unless `nats` is None, those whose ablation costs more than that.

    Args:
        runtime: The model.
        nats: By how much the mean next-token loss must rise.

    Raises:
        NonFiniteError: The model gives no finite values even without edits.
        UnsupportedError: The runtime measures nothing.
    """
    ids = calibration_ids(runtime)[:TOKENS]
    massive: dict[Unit, Massive] = {}
    ranked: dict[str, list[Outlier]] = {}
    for site, layer, rows in activations(runtime, ids):
        ranked.setdefault(site, []).extend(outliers(site, layer, rows, MOST))
        if site in RESIDUAL:
            massive |= {Unit(site, layer, each.unit): each for each in massive_activations(site, layer, rows)}
    costs = {} if nats is None else _costs(runtime, ids, massive, ranked)
    found = [_massive(unit, in_words(each, ids, runtime.text_of), costs) for unit, each in massive.items()]
    found += [_lossy(unit, cost) for unit, cost in costs.items() if nats is not None and cost.rise > nats]
    return list(_with_next_input(found, runtime.card))


def _costs(
    runtime: Runtime,
    ids: tuple[int, ...],
    massive: dict[Unit, Massive],
    ranked: dict[str, list[Outlier]],
) -> dict[Unit, Price]:
    editable = {site.name for site in runtime.card.sites if site.editable}
    candidates = choose(
        [each for unit, each in massive.items() if unit.site in editable],
        {site: each for site, each in ranked.items() if site in editable},
    )
    return prices(runtime, ids, candidates, frozenset(massive))


def _massive(unit: Unit, evidence: str, costs: dict[Unit, Price]) -> ProtectedUnit:
    cost = f"; {costs[unit].in_words()}" if unit in costs else ""
    return ProtectedUnit(**unit._asdict(), test="massive", evidence=evidence + cost)


def _lossy(unit: Unit, cost: Price) -> ProtectedUnit:
    return ProtectedUnit(**unit._asdict(), test="loss", evidence=cost.in_words())


def _with_next_input(found: Iterable[ProtectedUnit], card: ModelCard) -> Iterator[ProtectedUnit]:
    has_input = any(site.name == "resid_pre" for site in card.sites)
    for unit in found:
        yield unit
        if has_input and unit.site == "resid_post" and unit.layer + 1 < card.layers:
            yield msgspec.structs.replace(unit, site="resid_pre", layer=unit.layer + 1)


def _each_once(found: Iterable[ProtectedUnit], card: ModelCard) -> tuple[ProtectedUnit, ...]:
    order = {site.name: number for number, site in enumerate(card.sites)}
    units: dict[tuple[int, int, int], ProtectedUnit] = {}
    for unit in sorted(found, key=lambda each: STRENGTH[each.test]):
        units.setdefault((order[unit.site], unit.layer, unit.unit), unit)
    return tuple(units[key] for key in sorted(units))
