"""The replies over which a model is watched: the right ones, or its own."""

from collections.abc import Sequence

from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.plan import Question
from llmri_server.pocket.answers import LONGEST_REPLY, greedy_replies
from llmri_server.torch_runtime import TorchRuntime


def replies_to(runtime: TorchRuntime, questions: Sequence[Question]) -> list[str]:
    """Return the right reply to each question, or where it is not known the model's own, greedily.

    Raises:
        ExperimentError: The model's own is empty.
    """
    unknown = [question.prompt for question in questions if question.reply is None]
    own = iter(greedy_replies(runtime.model, runtime.tokenizer, unknown, LONGEST_REPLY) if unknown else ())
    replies = [question.reply or next(own) for question in questions]
    for question, reply in zip(questions, replies, strict=True):
        if not reply:
            raise ExperimentError(
                f"the model replies nothing to {question.prompt!r}: leave it out, or give a `reply`"
            )
    return replies
