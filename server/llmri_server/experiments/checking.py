"""Whether a plan makes sense, before a model is loaded."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from llmri_protocol.operations import DOSED
from llmri_protocol.suggestions import did_you_mean
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.plan import (
    ClusterUnits,
    Group,
    ListedUnits,
    Operation,
    Plan,
    SelectiveUnits,
)
from llmri_server.pocket.skills import SKILLS


def check(plan: Plan) -> None:
    """Pass if the plan makes sense by itself.

    Raises:
        ExperimentError: The first thing that does not; the sentence names its key.
    """
    for problem in _problems(plan):
        raise ExperimentError(problem)


def _problems(plan: Plan) -> Iterator[str]:
    yield from _twice("groups", [group.name for group in plan.groups])
    for group in plan.groups:
        yield from _group_problems(group)
    yield from _twice("groups.skills", [skill for group in plan.groups for skill in group.skills])
    if all(group.use == "choose" for group in plan.groups):
        yield 'no group is asked: every one has use = "choose", expected "both" or "ask" in at least one'
    yield from _units_problems(plan)
    for number, operation in enumerate(plan.operations):
        yield from _operation_problems(f"operations[{number}]", operation, plan)
    yield from _twice("measures", plan.measures)
    if plan.controls.norm_over:
        yield from _unknown("controls.norm_over", [plan.controls.norm_over], _studied(plan))
    if "score" in plan.measures and not any(_has_replies(group) for group in plan.groups):
        yield 'measures has "score", but no prompt has a `reply` to compare with'


def _group_problems(group: Group) -> Iterator[str]:
    where = f"groups.{group.name}"
    known = [skill.name for skill in SKILLS]
    yield from _unknown(f"{where}.skills", group.skills, known)
    own = bool(group.prompts or group.file)
    if bool(group.skills) == own:
        yield f"{where} needs either `skills` or prompts of its own, in `prompts` or in a `file`"
    replies = sum(question.reply is not None for question in group.prompts)
    if 0 < replies < len(group.prompts):
        yield f"{where}: {replies} of {len(group.prompts)} prompts have a `reply`, expected all or none"


def _has_replies(group: Group) -> bool:
    asked = group.use != "choose"
    return asked and bool(group.skills or any(question.reply for question in group.prompts))


def _studied(plan: Plan) -> list[str]:
    """Return the groups that units may be chosen from."""
    return [group.name for group in plan.groups if group.use != "ask"]


def _units_problems(plan: Plan) -> Iterator[str]:
    units = plan.units
    if isinstance(units, SelectiveUnits):
        studied = _studied(plan)
        yield from _unknown("units.group", [units.group], studied)
        yield from _unknown("units.against", units.against, studied)
        if units.group in units.against:
            yield f"units.against has `{units.group}`, which is the group that units are chosen for"
        if len(studied) == 1 and not units.against:
            yield "units are chosen for one group against others, but there is no other group"
        yield from _amount_problems(units)
    if isinstance(units, ClusterUnits):
        if bool(units.numbers) == bool(units.group):
            yield "units needs either the `numbers` of clusters or a `group` that they fire for"
        if units.group:
            yield from _amount_problems(units)
    if isinstance(units, ListedUnits):
        yield from _twice("units.places", [f"layer {place.layer}" for place in units.places])


def _amount_problems(units: SelectiveUnits | ClusterUnits) -> Iterator[str]:
    if (units.count is None) == (units.share is None):
        yield "units needs either a `count` or a `share`"


def _operation_problems(where: str, operation: Operation, plan: Plan) -> Iterator[str]:
    if operation.op in DOSED and not operation.doses:
        yield f"{where}: `{operation.op}` needs `doses`, such as [0] to ablate or [0, 0.5, 1, 2]"
    if operation.op not in DOSED and operation.doses:
        yield f"{where}: `{operation.op}` takes no `doses`"
    if not all(map(math.isfinite, operation.doses)):
        yield f"{where}.doses has a number that is not finite"
    yield from _twice(f"{where}.doses", [f"{dose:g}" for dose in operation.doses])
    read_at_once = [measure for measure in plan.measures if measure != "score"]
    if operation.positions == "last" and read_at_once:
        yield (
            f'{where}.positions = "last" means every token while a reply is written, but only its end where '
            f'`{read_at_once[0]}` reads it in one pass: use "generated", or measures = ["score"]'
        )


def _twice(where: str, names: Sequence[str]) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1:
            yield f"{where} has `{name}` {times} times, expected once"


def _unknown(where: str, names: Iterable[str], known: Sequence[str]) -> Iterator[str]:
    for name in names:
        if name not in known:
            yield f"{where} has `{name}`, known are {', '.join(known)}{did_you_mean(name, known)}"
