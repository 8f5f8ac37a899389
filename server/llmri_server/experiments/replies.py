"""The replies over which a model is watched: the right ones, or its own."""

from collections.abc import Sequence

from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.plan import Question
from llmri_server.runtime import ChatMessage, GivenReply, Runtime

LONGEST_REPLY = 128  # tokens of the model's own


def given_replies(runtime: Runtime, questions: Sequence[Question]) -> tuple[GivenReply, ...]:
    """Return each question with its right reply, or where that is not known the model's own, greedily.

    Raises:
        ExperimentError: The model's own is empty.
    """
    unknown = [question for question in questions if question.reply is None]
    prompts = [runtime.prompt_ids(conversation_of(question.prompt)) for question in unknown]
    own = iter(runtime.greedy_replies(prompts, LONGEST_REPLY) if unknown else ())
    replies = [question.reply or next(own) for question in questions]
    for question, reply in zip(questions, replies, strict=True):
        if not reply:
            raise ExperimentError(
                f"the model replies nothing to {question.prompt!r}: leave it out, or give a `reply`"
            )
    return tuple(
        runtime.given_reply(conversation_of(question.prompt), reply)
        for question, reply in zip(questions, replies, strict=True)
    )


def conversation_of(prompt: str) -> tuple[ChatMessage, ...]:
    """Return a conversation in which only this was said."""
    return (ChatMessage(role="user", content=prompt),)
