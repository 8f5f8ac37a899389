"""Raw figures as a table: means, intervals, and where the chosen units lie among random ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from llmri_server.experiments.measures import HARM_IS_LOW
from llmri_server.experiments.plan import Measure, Plan
from llmri_server.experiments.results import Observation, Results, SetRecord
from llmri_server.experiments.running import doses_of
from llmri_server.experiments.sets import Kind
from llmri_server.experiments.statistics import bootstrap_mean, draws_interval, permutation_p, wilson


@dataclass(frozen=True)
class Condition:
    """What was done: an operation of the plan at a dose, in one layer of a sweep or everywhere at once."""

    operation: int | None
    dose: float | None
    layer: int | None


@dataclass(frozen=True)
class Row:
    """One measure of one task under one condition.

    Of the untouched model and the chosen units `low` and `high` are the 95 % interval over questions; of a
    control the middle 95 % of its `draws`. `units` is a mean over draws. `p` stands with a control: the share
    of sets, the chosen one among them, that harm at least as much as it does.
    """

    condition: Condition
    kind: Kind | None
    units: float
    draws: int
    task: str
    group: str
    measure: Measure
    mean: float
    low: float
    high: float
    p: float | None = None


Cell = tuple[Condition, Kind | None, str, Measure]


def summarised(results: Results) -> tuple[Row, ...]:
    """Return the rows: tasks within measures within conditions. What was not reached has none."""
    found: dict[Cell, list[Observation]] = {}
    for each in results.observations:
        found.setdefault(_cell(each, results.sets), []).append(each)
    groups = {task.name: task.group for task in results.tasks}
    return tuple(_rows(results, found, groups))


def conditions_of(plan: Plan, sets: Sequence[SetRecord]) -> Iterator[Condition]:
    """Yield the conditions of an experiment, in order, without the untouched model."""
    layers = dict.fromkeys(each.layer for each in sets)
    for layer in layers:
        for number, operation in enumerate(plan.operations):
            for dose in doses_of(operation):
                yield Condition(number, dose, layer)


def _rows(
    results: Results, found: Mapping[Cell, list[Observation]], groups: Mapping[str, str]
) -> Iterator[Row]:
    plan = results.plan
    arms: list[tuple[Condition, Kind | None]] = [(Condition(None, None, None), None)]
    kinds: tuple[Kind, ...] = ("chosen", "random", "matched")
    arms += [(condition, kind) for condition in conditions_of(plan, results.sets) for kind in kinds]
    for condition, kind in arms:
        for measure in plan.measures:
            for task, group in groups.items():
                observed = found.get((condition, kind, task, measure))
                if not observed:
                    continue
                mean, low, high = _figures(observed, kind, plan)
                chosen = found.get((condition, "chosen", task, measure))
                yield Row(
                    condition=condition,
                    kind=kind,
                    units=float(np.mean([_units(each, results.sets) for each in observed])),
                    draws=len(observed),
                    task=task,
                    group=group,
                    measure=measure,
                    mean=mean,
                    low=low,
                    high=high,
                    p=_rareness(chosen[0], observed) if kind in ("random", "matched") and chosen else None,
                )


def _figures(observed: Sequence[Observation], kind: Kind | None, plan: Plan) -> tuple[float, float, float]:
    means = [_mean(each) for each in observed]
    if kind in ("random", "matched"):
        return float(np.mean(means)), *draws_interval(means)
    values = observed[0].values
    if observed[0].measure == "score":
        return means[0], *wilson(round(sum(values)), len(values))
    return means[0], *bootstrap_mean(values, plan.seed, plan.resamples)


def _rareness(chosen: Observation, draws: Sequence[Observation]) -> float:
    return permutation_p(
        _mean(chosen), [_mean(draw) for draw in draws], harm_is_low=HARM_IS_LOW[chosen.measure]
    )


def _mean(observation: Observation) -> float:
    return float(np.mean(observation.values))


def _units(observation: Observation, sets: Sequence[SetRecord]) -> int:
    return 0 if observation.units is None else sets[observation.units].units


def _cell(each: Observation, sets: Sequence[SetRecord]) -> Cell:
    if each.units is None:
        return Condition(None, None, None), None, each.task, each.measure
    units = sets[each.units]
    return Condition(each.operation, each.dose, units.layer), units.kind, each.task, each.measure
