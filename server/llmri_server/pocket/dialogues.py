"""Conversations for training: skills in turn, as chat messages, without end."""

import random
from collections.abc import Iterator, Sequence

from llmri_server.pocket.skills import SKILLS
from llmri_server.pocket.skills.smalltalk import small_talk

# Chances of each skill, in the order of SKILLS: what is hard to learn is shown more often.
SHARES = (40, 16, 8, 5, 7, 7, 8, 4, 4)
# What is still weak after that is then practised: counting in steps, and who is who in a story.
PRACTICE_SHARES = (12, 10, 30, 6, 8, 8, 8, 20, 4)
SMALL_TALK = 0.02
SYSTEM = 0.1
SYSTEM_PROMPTS = ("You are a helpful assistant.", "Be brief.", "You are pocket.", "Answer the question.")


Message = dict[str, str]  # `role` and `content`, as chat templates take them


def exchanges(rng: random.Random, shares: Sequence[int] = SHARES) -> Iterator[tuple[str, str]]:
    """Yield question and answer pairs of the training split for ever."""
    while True:
        if rng.random() < SMALL_TALK:
            yield small_talk(rng)
        else:
            example = rng.choices(SKILLS, shares)[0].sample(rng, "train")
            yield example.prompt, example.reply


def conversation(rng: random.Random, turns: int, shares: Sequence[int] = SHARES) -> list[Message]:
    """Return one conversation of so many turns, one in ten with a system prompt."""
    messages = [{"role": "system", "content": rng.choice(SYSTEM_PROMPTS)}] if rng.random() < SYSTEM else []
    for _, (prompt, reply) in zip(range(turns), exchanges(rng, shares), strict=False):
        messages += [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}]
    return messages
