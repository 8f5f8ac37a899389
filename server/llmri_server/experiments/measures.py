"""What is measured of a task: its score, the loss of right replies, and how far the distribution moved."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Edit
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.plan import Measure, Question
from llmri_server.experiments.replies import given_replies
from llmri_server.experiments.tasks import Right, Task
from llmri_server.pocket.questions import SPARE_TOKENS
from llmri_server.runtime import GivenReply, NonFiniteError, RepliesRead, Runtime, UnsupportedError

HARM_IS_LOW: Mapping[Measure, bool] = {"score": True, "loss": False, "kl": False}
LARGEST_REFERENCE = 4 << 30  # bytes of the untouched model's distributions

Values = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class QuestionBatch:
    """Questions that are asked together; `longest` is how long their replies may become, in tokens."""

    questions: tuple[Question, ...]
    given: tuple[GivenReply, ...]
    longest: int


@dataclass(frozen=True, eq=False)
class Prepared:
    """A task, encoded once for all conditions.

    `reference` is what the untouched model gave, a batch at a time; it is empty where KL is not measured.
    """

    name: str
    right: Right | None
    batches: tuple[QuestionBatch, ...]
    reference: tuple[RepliesRead, ...]
    untouched: Mapping[Measure, Values]


def prepare(runtime: Runtime, task: Task, measures: Sequence[Measure], size: int) -> Prepared:
    """Encode a task's questions in batches, and measure the model as it is.

    Questions without a right reply are continued with the model's own.

    Raises:
        ExperimentError: The untouched model's distributions would take too much memory.
    """
    asked = [task.asked[first : first + size] for first in range(0, len(task.asked), size)]
    batches = tuple(_batch(runtime, questions) for questions in asked)
    if "kl" in measures:
        _check_memory(task.name, batches, runtime.card.vocabulary)
    read = (_read(runtime, batch) for batch in batches)
    reference = tuple(read) if "kl" in measures else ()
    untouched: dict[Measure, Values] = {}
    if "score" in measures and task.right:
        untouched["score"] = _score(runtime, Prepared(task.name, task.right, batches, (), {}))
    if "loss" in measures and task.right:
        untouched["loss"] = _each(each.loss for each in reference or read)
    if "kl" in measures:
        untouched["kl"] = (0.0,) * len(task.asked)
    return Prepared(task.name, task.right, batches, reference, untouched)


def measure(runtime: Runtime, task: Prepared, edits: Sequence[Edit] = ()) -> Iterator[tuple[Measure, Values]]:
    """Measure under these edits, which were checked before: a value a question.

    Score is 1 or 0. Loss is the mean over the right reply's tokens of -log p, KL the mean of
    KL(untouched || edited) over the positions that decide the reply, both in nats.

    Raises:
        ExperimentError: The model's output is not finite.
    """
    if "score" in task.untouched:
        yield "score", _score(runtime, task, edits)
    if "loss" not in task.untouched and "kl" not in task.untouched:
        return
    losses, divergences = [], []
    for batch, untouched in zip_longest(task.batches, task.reference):
        moved = _read(runtime, batch, edits, untouched)
        losses.append(moved.loss)
        if moved.kl is not None:
            divergences.append(moved.kl)
    if "loss" in task.untouched:
        yield "loss", _each(losses)
    if "kl" in task.untouched:
        yield "kl", _each(divergences)


def _batch(runtime: Runtime, questions: tuple[Question, ...]) -> QuestionBatch:
    given = given_replies(runtime, questions)
    return QuestionBatch(questions, given, max(len(each.reply) for each in given) + SPARE_TOKENS)


def _score(runtime: Runtime, task: Prepared, edits: Sequence[Edit] = ()) -> Values:
    right = task.right
    assert right is not None  # noqa: S101 - only tasks with a right reply have a score
    return tuple(
        float(right(question, reply))
        for batch in task.batches
        for question, reply in zip(
            batch.questions,
            runtime.greedy_replies([each.prompt for each in batch.given], batch.longest, edits),
            strict=True,
        )
    )


def _read(
    runtime: Runtime, batch: QuestionBatch, edits: Sequence[Edit] = (), against: RepliesRead | None = None
) -> RepliesRead:
    try:
        return runtime.read_replies(batch.given, edits, against=against)
    except NonFiniteError:
        raise ExperimentError("the model's output is not finite") from None
    except UnsupportedError as error:
        raise ExperimentError(f"{error}; measure only the score") from None


def _each(parts: Iterable[npt.NDArray[np.float64]]) -> Values:
    return tuple(round(value, 6) for part in parts for value in part.tolist())


def _check_memory(name: str, batches: Sequence[QuestionBatch], vocabulary: int) -> None:
    positions = sum(len(batch.given) * max(len(each.reply) + 1 for each in batch.given) for batch in batches)
    size = 4 * vocabulary * positions
    if size > LARGEST_REFERENCE:
        raise ExperimentError(
            f"kl of `{name}` needs {size / 2**30:.1f} GiB for the untouched model's distributions, at most "
            f"{LARGEST_REFERENCE / 2**30:.0f} are used: ask fewer questions, or leave `kl` out of measures"
        )
