"""The held-out questions that a model is asked; needs no library of models."""

import random

from llmri_server.pocket.skills import Example, Skill

SPARE_TOKENS = 16  # a wrong reply may run on for so long beyond the longest right one


def questions(skill: Skill, each: int, seed: int) -> list[Example]:
    """Draw held-out questions, no question twice where the skill has enough of them."""
    rng = random.Random(f"{skill.name}/{seed}")
    drawn: dict[str, Example] = {}
    for _ in range(20 * each):
        example = skill.sample(rng, "held_out")
        drawn.setdefault(example.prompt, example)
        if len(drawn) == each:
            break
    return list(drawn.values())
