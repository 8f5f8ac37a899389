"""What a model is good for, in words, where we know it."""

import random

from llmri_server.pocket.skills import SKILLS

EXAMPLES_SEED = 3  # of the question that stands for each skill


def about(name: str) -> str:
    """Return what a card says of a model of this name; empty where we know nothing of it."""
    return _pocket() if name == "pocket" else ""


def _pocket() -> str:
    """Return the skills of the bundled model, a line each with a question of its training split."""
    rng = random.Random(EXAMPLES_SEED)
    asked = (f"{skill.name}: {skill.sample(rng, 'train').prompt}" for skill in SKILLS)
    return "\n".join(
        (
            f"A small chat model with {len(SKILLS)} skills that can be told apart, and nothing else; it is "
            "not a source of facts. It can be asked, for instance:",
            *asked,
        )
    )
