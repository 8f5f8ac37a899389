"""The sets of units that an experiment compares."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

import numpy as np

from llmri_protocol.messages import ModelCard
from llmri_server.experiments.choosing import Chosen, choose, looked_up, scopes
from llmri_server.experiments.controls import Floats, equal_norm, equal_number, norm
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.plan import Controls, Plan, SelectiveUnits
from llmri_server.experiments.profiles import Profile, reply_profile
from llmri_server.experiments.replies import given_replies
from llmri_server.experiments.selectivity import Mask
from llmri_server.experiments.tasks import Task
from llmri_server.runtime import Runtime

Kind = Literal["chosen", "random", "matched"]


@dataclass(frozen=True, eq=False)
class UnitSet:
    """Some units `[layers, width]`: the chosen ones, or the draw of a control.

    `layer` is that of a sweep, `draw` the number of the draw from 0, `norm` the set's total activation norm
    where it was measured.
    """

    kind: Kind
    layer: int | None
    draw: int
    units: Mask
    norm: float | None


def unit_sets(runtime: Runtime, plan: Plan, tasks: Sequence[Task]) -> tuple[UnitSet, ...]:
    """Choose the units, and draw the controls; the chosen sets come first.

    Raises:
        ExperimentError: Units cannot be chosen, or controls not be drawn.
    """
    units = looked_up(plan)
    width = next((site.width for site in runtime.card.sites if site.name == units.site and site.editable), 0)
    if not width:
        known = ", ".join(site.name for site in runtime.card.sites if site.editable)
        raise ExperimentError(
            f"units.site is `{units.site}`; sites of this model that can be edited: {known}"
        )
    profiles = _profiles(runtime, plan, units, tasks)
    magnitudes = {group: [each.magnitude for each in found] for group, found in profiles.items()}
    squares = _squares(profiles, plan.controls, units) if plan.controls.matched else None
    rng = np.random.default_rng(plan.seed)
    protected = protected_mask(runtime.card, units.site)
    there = scopes(units, runtime.card.layers, width, sweep=plan.sweep == "layers")
    chosen, drawn = [], []
    for scope in there:
        layer = scope.layers[0] if plan.sweep == "layers" else None
        mask = choose(units, scope, magnitudes, protected)
        chosen.append(UnitSet("chosen", layer, 0, mask, None if squares is None else norm(mask, squares)))
        pool = scope.mask & ~protected
        drawn += list(_drawn(chosen[-1], pool, plan.controls, squares, rng))
    return (*chosen, *drawn)


def protected_mask(card: ModelCard, site: str) -> Mask:
    """Mark the protected units of a site, `[layers, width]`: no control is drawn from them."""
    width = next(each.width for each in card.sites if each.name == site)
    mask = np.zeros((card.layers, width), dtype=np.bool_)
    for unit in card.protected:
        if unit.site == site:
            mask[unit.layer, unit.unit] = True
    return mask


def _profiles(
    runtime: Runtime, plan: Plan, units: Chosen, tasks: Sequence[Task]
) -> Mapping[str, list[Profile]]:
    """Return the profiles of the tasks that units are chosen from, by group, where any are needed."""
    profiles: dict[str, list[Profile]] = {}
    if isinstance(units, SelectiveUnits) or plan.controls.matched:
        for task in tasks:
            if task.studied:
                profile = reply_profile(runtime, units.site, given_replies(runtime, task.studied))
                profiles.setdefault(task.group, []).append(profile)
    return profiles


def _squares(profiles: Mapping[str, list[Profile]], controls: Controls, units: Chosen) -> Floats:
    """Return every unit's mean square in the replies that count for the norm, each task for as much."""
    group = controls.norm_over or (units.group if isinstance(units, SelectiveUnits) else "")
    found = profiles[group] if group else [each for tasks in profiles.values() for each in tasks]
    if not found:
        raise ExperimentError('controls.matched measures norms, but every group has use = "ask"')
    squares: Floats = np.mean([profile.square for profile in found], axis=0)
    return squares


def _drawn(
    chosen: UnitSet, pool: Mask, controls: Controls, squares: Floats | None, rng: np.random.Generator
) -> Iterator[UnitSet]:
    """Yield the draws of both controls in turn, so that one cut short has as many of either."""
    if (controls.random or controls.matched) and (chosen.units >= pool).all():
        raise ExperimentError(
            "all units there are chosen, so none are left to draw: set controls.random = 0 and "
            "controls.matched = 0"
        )
    for draw, (random, matched) in enumerate(
        zip_longest(range(controls.random), range(controls.matched), fillvalue=None)
    ):
        if random is not None:
            units = equal_number(chosen.units, pool, rng, by_layer=controls.by_layer)
            yield UnitSet(
                "random", chosen.layer, draw, units, None if squares is None else norm(units, squares)
            )
        if matched is not None and squares is not None:
            units = equal_norm(chosen.units, pool, squares, rng, by_layer=controls.by_layer)
            yield UnitSet("matched", chosen.layer, draw, units, norm(units, squares))
