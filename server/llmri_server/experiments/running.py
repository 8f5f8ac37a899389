"""An experiment, run: every task under every dose of every operation on every set of units."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from llmri_protocol.messages import Edit
from llmri_protocol.operations import OPERATIONS
from llmri_server.experiments.choosing import looked_up, places_of
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.measures import Prepared, measure, prepare
from llmri_server.experiments.plan import Operation, Plan
from llmri_server.experiments.results import Observation, SetRecord, TaskRecord
from llmri_server.experiments.sets import UnitSet, unit_sets
from llmri_server.experiments.tasks import tasks_of
from llmri_server.runtime import Runtime

Advance = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Experiment:
    """A plan that was made ready: `sets` are the units, `tasks` what is asked, encoded."""

    plan: Plan
    sets: tuple[UnitSet, ...]
    tasks: tuple[Prepared, ...]
    records: tuple[TaskRecord, ...]

    @property
    def steps(self) -> int:
        """How often tasks are measured."""
        doses = sum(not unchanged(operation, dose) for operation, dose in self._doses)
        return len(self.sets) * doses * len(self.tasks)

    @property
    def _doses(self) -> list[tuple[Operation, float | None]]:
        return [(operation, dose) for operation in self.plan.operations for dose in doses_of(operation)]

    @property
    def set_records(self) -> tuple[SetRecord, ...]:
        """The sets, as results keep them."""
        return tuple(
            SetRecord(
                kind=each.kind,
                layer=each.layer,
                draw=each.draw,
                units=int(each.units.sum()),
                norm=each.norm,
                places=places_of(each.units),
            )
            for each in self.sets
        )


def make_ready(runtime: Runtime, plan: Plan, advance: Advance = lambda _: None) -> Experiment:
    """Choose the units, encode the questions, and measure the untouched model.

    Args:
        runtime: The model, without edits.
        plan: A plan that was checked, and whose files were read.
        advance: Called with what is done next.

    Raises:
        ExperimentError: The plan does not fit the model.
    """
    tasks = tasks_of(plan)
    advance("choosing units")
    sets = unit_sets(runtime, plan, tasks)
    asked = [task for task in tasks if task.asked]
    prepared = []
    for task in asked:
        advance(f"{task.name}, untouched")
        prepared.append(prepare(runtime, task, plan.measures, plan.batch))
    records = (TaskRecord(name=each.name, group=each.group, questions=len(each.asked)) for each in asked)
    return Experiment(plan, sets, tuple(prepared), tuple(records))


def observe(
    runtime: Runtime, experiment: Experiment, advance: Advance = lambda _: None
) -> Iterator[Observation]:
    """Yield the observations one after the other; no edit of the runtime is felt, and those that stand stay.

    A dose that changes nothing is not asked: its figures are the untouched model's.

    Raises:
        EditError: An edit does not fit the model.
        ExperimentError: Under an edit the model's output is not finite.
    """
    yield from _untouched(experiment, None, None, None)
    for number, units in enumerate(experiment.sets):
        for place, operation in enumerate(experiment.plan.operations):
            for dose in doses_of(operation):
                if unchanged(operation, dose):
                    yield from _untouched(experiment, number, place, dose)
                    continue
                edits = edits_of(units, experiment.plan, operation, dose)
                runtime.check_edits(edits)
                for task in experiment.tasks:
                    advance(_told(units, operation, dose))
                    yield from _observed(runtime, task, edits, _Place(number, place, dose))


def doses_of(operation: Operation) -> Sequence[float | None]:
    """Return an operation's doses, one that is none for an operation without."""
    return operation.doses or (None,)


def unchanged(operation: Operation, dose: float | None) -> bool:
    """Whether that dose leaves the model as it is."""
    return dose is not None and OPERATIONS[operation.op].neutral == dose


def edits_of(units: UnitSet, plan: Plan, operation: Operation, dose: float | None) -> tuple[Edit, ...]:
    """Return the edits that do this to a set: one a layer that has any of its units."""
    site = looked_up(plan).site
    return tuple(
        Edit(
            site=site,
            layer=place.layer,
            units=place.units,
            op=operation.op,
            value=dose or 0.0,
            positions=operation.positions,
            special=operation.special,
            seed=operation.seed,
        )
        for place in places_of(units.units)
    )


class _Place(NamedTuple):
    """Which units are edited, by which operation and dose."""

    units: int
    operation: int
    dose: float | None


def _observed(
    runtime: Runtime, task: Prepared, edits: tuple[Edit, ...], place: _Place
) -> Iterator[Observation]:
    try:
        for name, values in measure(runtime, task, edits):
            yield Observation(**place._asdict(), task=task.name, measure=name, values=values)
    except ExperimentError as error:
        raise ExperimentError(
            f"operations[{place.operation}], dose {place.dose}, `{task.name}`: {error}"
        ) from None


def _untouched(
    experiment: Experiment, number: int | None, place: int | None, dose: float | None
) -> Iterator[Observation]:
    for task in experiment.tasks:
        for name, values in task.untouched.items():
            yield Observation(
                units=number, operation=place, dose=dose, task=task.name, measure=name, values=values
            )


def _told(units: UnitSet, operation: Operation, dose: float | None) -> str:
    what = operation.op if dose is None else f"{operation.op} {dose:g}"
    where = "" if units.layer is None else f", layer {units.layer}"
    draw = "" if units.kind == "chosen" else f", draw {units.draw + 1}"
    return f"{what}, {units.kind}{draw}{where}"
