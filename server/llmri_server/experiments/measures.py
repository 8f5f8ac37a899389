"""What is measured of a task: its score, the loss of right replies, and how far the distribution moved."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor

from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.forced import Forced, force, logits
from llmri_server.experiments.plan import Measure, Question
from llmri_server.experiments.tasks import Right, Task
from llmri_server.experiments.watched_replies import replies_to
from llmri_server.pocket.answers import continue_greedily
from llmri_server.pocket.score import SPARE_TOKENS
from llmri_server.torch_runtime import TorchRuntime

HARM_IS_LOW: Mapping[Measure, bool] = {"score": True, "loss": False, "kl": False}
LARGEST_REFERENCE = 4 << 30  # bytes of the untouched model's distributions

Values = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class QuestionBatch:
    """Questions that are asked together; `longest` is how long their replies may become, in tokens."""

    questions: tuple[Question, ...]
    forced: Forced
    longest: int


@dataclass(frozen=True, eq=False)
class Prepared:
    """A task, encoded once for all conditions.

    `reference` has the untouched model's log-probabilities, a batch at a time, each
    `[questions, tokens + 1, vocabulary]`; it is empty where KL is not measured.
    """

    name: str
    right: Right | None
    batches: tuple[QuestionBatch, ...]
    reference: tuple[Tensor, ...]
    untouched: Mapping[Measure, Values]


def prepare(runtime: TorchRuntime, task: Task, measures: Sequence[Measure], size: int) -> Prepared:
    """Encode a task's questions in batches, and measure the model as it is.

    Questions without a right reply are continued with the model's own.

    Raises:
        ExperimentError: The untouched model's distributions would take too much memory.
    """
    asked = [task.asked[first : first + size] for first in range(0, len(task.asked), size)]
    batches = tuple(_batch(runtime, questions) for questions in asked)
    if "kl" in measures:
        _check_memory(task.name, batches, runtime.card.vocabulary)
    distributions = (_log_probabilities(runtime, batch) for batch in batches)
    reference = tuple(distributions) if "kl" in measures else ()
    untouched: dict[Measure, Values] = {}
    if "score" in measures and task.right:
        untouched["score"] = _score(runtime, Prepared(task.name, task.right, batches, (), {}))
    if "loss" in measures and task.right:
        untouched["loss"] = _each(map(_loss, batches, reference or distributions))
    if "kl" in measures:
        untouched["kl"] = (0.0,) * len(task.asked)
    return Prepared(task.name, task.right, batches, reference, untouched)


def measure(runtime: TorchRuntime, task: Prepared) -> Iterator[tuple[Measure, Values]]:
    """Measure under the edits that stand, inside `runtime.hooked()`: a value a question.

    Score is 1 or 0. Loss is the mean over the right reply's tokens of -log p, KL the mean of
    KL(untouched || edited) over the positions that decide the reply, both in nats.

    Raises:
        ExperimentError: The model's output is not finite.
    """
    if "score" in task.untouched:
        yield "score", _score(runtime, task)
    if "loss" not in task.untouched and "kl" not in task.untouched:
        return
    losses, divergences = [], []
    for batch, untouched in zip_longest(task.batches, task.reference):
        moved = _log_probabilities(runtime, batch)
        losses.append(_loss(batch, moved))
        if untouched is not None:
            divergences.append(_divergence(batch, untouched, moved))
    if "loss" in task.untouched:
        yield "loss", _each(losses)
    if "kl" in task.untouched:
        yield "kl", _each(divergences)


def _batch(runtime: TorchRuntime, questions: tuple[Question, ...]) -> QuestionBatch:
    prompts = [question.prompt for question in questions]
    forced = force(runtime.model, runtime.tokenizer, prompts, replies_to(runtime, questions))
    return QuestionBatch(questions, forced, forced.ids.shape[1] + SPARE_TOKENS)


def _score(runtime: TorchRuntime, task: Prepared) -> Values:
    right = task.right
    assert right is not None  # noqa: S101 - only tasks with a right reply have a score
    return tuple(
        float(right(question, reply))
        for batch in task.batches
        for question, reply in zip(
            batch.questions,
            continue_greedily(runtime.model, runtime.tokenizer, batch.forced.prompts, batch.longest),
            strict=True,
        )
    )


def _log_probabilities(runtime: TorchRuntime, batch: QuestionBatch) -> Tensor:
    keeping = runtime.keeping.whole
    if not keeping.steps:
        raise ExperimentError(
            "this model's state cannot be handed from pass to pass, so a given reply cannot be read behind "
            "its prompt; measure only the score"
        )
    raw = logits(runtime.model, batch.forced, at_once=keeping.goes_on)
    if not torch.isfinite(raw[batch.forced.deciding.bool()]).all():
        raise ExperimentError("the model's output is not finite")
    return raw.log_softmax(dim=-1)


def _loss(batch: QuestionBatch, log_probabilities: Tensor) -> Tensor:
    """Mean -log p of each reply's tokens, `[questions]`."""
    mask = batch.forced.mask
    said = log_probabilities[:, :-1].gather(2, batch.forced.ids.unsqueeze(2)).squeeze(2)
    return -(said * mask).sum(dim=1) / mask.sum(dim=1)


def _divergence(batch: QuestionBatch, untouched: Tensor, moved: Tensor) -> Tensor:
    """Mean KL(untouched || moved) of each question's deciding positions, `[questions]`."""
    deciding = batch.forced.deciding
    each = (untouched.exp() * (untouched - moved)).sum(dim=2)
    # Rounding may leave a divergence of nothing just below it.
    return ((each * deciding).sum(dim=1) / deciding.sum(dim=1)).clamp(min=0)


def _each(parts: Iterable[Tensor]) -> Values:
    return tuple(round(value, 6) for part in parts for value in part.tolist())


def _check_memory(name: str, batches: Sequence[QuestionBatch], vocabulary: int) -> None:
    size = sum(4 * vocabulary * batch.forced.deciding.numel() for batch in batches)
    if size > LARGEST_REFERENCE:
        raise ExperimentError(
            f"kl of `{name}` needs {size / 2**30:.1f} GiB for the untouched model's distributions, at most "
            f"{LARGEST_REFERENCE / 2**30:.0f} are used: ask fewer questions, or leave `kl` out of measures"
        )
