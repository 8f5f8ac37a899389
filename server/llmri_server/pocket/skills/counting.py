"""Counting up and down, by ones, twos, fives and tens."""

import random
import re
from dataclasses import dataclass

from llmri_server.pocket.skills.base import Example, Split, split_of

STEPS = {1: "", 2: " by twos", 5: " by fives", 10: " by tens"}
STEP_WEIGHTS = (8, 3, 2, 1)
LIMIT = 100
DOWN = 0.4  # share of the sequences that fall


@dataclass(frozen=True)
class Counting:
    """Number sequences from a first to a last number, both included."""

    name: str = "counting"
    numeric: bool = True

    def sample(self, rng: random.Random, split: Split) -> Example:
        """Draw a question of that split and one right answer."""
        while True:
            step = rng.choices(tuple(STEPS), STEP_WEIGHTS)[0]
            terms = rng.randint(3, 12)
            low = rng.randrange(LIMIT)
            high = low + step * (terms - 1)
            down = rng.random() < DOWN
            first, last = (high, low) if down else (low, high)
            key = f"{first}..{last}/{step}"
            if high < LIMIT and split_of(self.name, key) == split:
                return Example(_ask(rng, first, last, step), _answer(first, last, step), key)

    def check(self, prompt: str, reply: str) -> bool:
        """Say whether `reply` answers `prompt` rightly."""
        first, last = (int(digits) for digits in re.findall(r"\d+", prompt)[:2])
        step = next((size for size, words in STEPS.items() if words and words in prompt), 1)
        return reply.strip().rstrip(".") == _answer(first, last, step).rstrip(".")


def _ask(rng: random.Random, first: int, last: int, step: int) -> str:
    verb = "Count" if first <= last else "Count down"
    form = rng.choice(
        (
            "{verb} from {first} to {last}{by}.",
            "{verb} from {first} to {last}{by}",
            "Please {lower} from {first} to {last}{by}.",
            "Can you {lower} from {first} to {last}{by}?",
        )
    )
    return form.format(verb=verb, lower=verb.lower(), first=first, last=last, by=STEPS[step])


def _answer(first: int, last: int, step: int) -> str:
    sign = 1 if first <= last else -1
    return " ".join(str(term) for term in range(first, last + sign, sign * step)) + "."
