"""What an experiment found, with all that is needed to run it again."""

from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from llmri_protocol.messages import ProtectedUnit
from llmri_protocol.plain_words import in_plain_words
from llmri_protocol.user_files import whole
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.plan import LayerUnits, Measure, Part, Plan
from llmri_server.experiments.sets import Kind

FORMAT = "llmri experiment 1"
PACKAGES = ("llmri", "torch", "transformers", "tokenizers", "llama-cpp-python", "numpy")


class TaskRecord(Part, frozen=True, kw_only=True):
    """A task that was asked."""

    name: str
    group: str
    questions: int


class SetRecord(Part, frozen=True, kw_only=True):
    """A set of units that was edited; see `UnitSet`."""

    kind: Kind
    layer: int | None = None
    draw: int = 0
    units: int
    norm: float | None = None
    places: tuple[LayerUnits, ...]


class Observation(Part, frozen=True, kw_only=True):
    """One measure of one task under one edit: a value a question.

    `units` is the set's number in `Results.sets` and `operation` that of the plan's; both are null for the
    untouched model. `dose` is null where the operation has none.
    """

    units: int | None = None
    operation: int | None = None
    dose: float | None = None
    task: str
    measure: Measure
    values: tuple[float, ...]

    @property
    def key(self) -> tuple[int | None, int | None, float | None, str, Measure]:
        """What is observed."""
        return self.units, self.operation, self.dose, self.task, self.measure


class Results(Part, frozen=True, kw_only=True):
    """An experiment's plan, its surroundings and its raw figures.

    `plan` holds its prompts and its clusters' units itself, so that no other file is needed. Floating-point
    sums depend on `threads` and `device`, which is why they stand here. `ended` says what ended it early.
    `protected` are the units that were not drawn, nor chosen as selective.
    """

    format: str = FORMAT
    plan: Plan
    finished: bool
    ended: str = ""
    created: str
    seconds: float
    versions: Mapping[str, str]
    threads: int
    device: str
    tasks: tuple[TaskRecord, ...]
    sets: tuple[SetRecord, ...]
    protected: tuple[ProtectedUnit, ...] = ()
    observations: tuple[Observation, ...]


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that compute, as far as they are installed."""
    versions = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def save(results: Results, path: Path) -> None:
    """Write results as JSON."""
    with whole(path) as file:
        file.write(msgspec.json.encode(results) + b"\n")


def load(path: Path) -> Results:
    """Read what `save` wrote.

    Raises:
        ExperimentError: It is something else, or cannot be read.
    """
    try:
        results = msgspec.json.decode(path.read_bytes(), type=Results)
    except OSError as error:
        raise ExperimentError(f"cannot read {path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise ExperimentError(f"{path} holds no results of an experiment: {in_plain_words(error)}") from None
    except RecursionError:
        raise ExperimentError(f"{path} holds no results of an experiment: it is nested too deeply") from None
    if results.format != FORMAT:
        raise ExperimentError(f"{path} is `{results.format}`, expected `{FORMAT}`")
    return results


def differences(before: Results, after: Results) -> tuple[int, int, float]:
    """Compare the figures of two runs of one plan.

    Gives how many figures the first has, how many of them the second has not or has otherwise, and the
    greatest distance between two of a pair.
    """
    found = {each.key: each.values for each in after.observations}
    figures = different = 0
    greatest = 0.0
    for each in before.observations:
        others = found.get(each.key, ())
        distances = [abs(one - other) for one, other in zip(each.values, others, strict=False)]
        figures += len(each.values)
        different += sum(map(bool, distances)) + len(each.values) - len(distances)
        greatest = max([greatest, *distances])
    return figures, different, greatest
