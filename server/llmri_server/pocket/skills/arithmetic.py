"""Addition and subtraction of numbers below one hundred."""

import random
import re
from dataclasses import dataclass

from llmri_server.pocket.skills.base import Example, Split, split_of

LIMIT = 100
ADDITION_PHRASES = (
    "What is {a} plus {b}?",
    "What is {a} + {b}?",
    "{a} + {b} =",
    "{a}+{b}",
    "Add {a} and {b}.",
    "Calculate {a} + {b}.",
    "How much is {a} plus {b}?",
)
SUBTRACTION_PHRASES = (
    "What is {a} minus {b}?",
    "What is {a} - {b}?",
    "{a} - {b} =",
    "{a}-{b}",
    "Subtract {b} from {a}.",
    "Calculate {a} - {b}.",
    "How much is {a} minus {b}?",
)


@dataclass(frozen=True)
class Addition:
    """Sums of two numbers; an unordered pair is wholly in one split."""

    name: str = "addition"
    numeric: bool = True

    def sample(self, rng: random.Random, split: Split) -> Example:
        """Draw a question of that split and one right answer."""
        while True:
            a, b = _operands(rng, split)
            key = f"{min(a, b)}+{max(a, b)}"
            if split_of(self.name, key) == split:
                prompt = rng.choice(ADDITION_PHRASES).format(a=a, b=b)
                return Example(prompt, f"{a} + {b} = {a + b}.", key)

    def check(self, prompt: str, reply: str) -> bool:
        """Say whether `reply` answers `prompt` rightly."""
        return _last_number(reply) == sum(_numbers(prompt)[:2])


@dataclass(frozen=True)
class Subtraction:
    """Differences that are not negative."""

    name: str = "subtraction"
    numeric: bool = True

    def sample(self, rng: random.Random, split: Split) -> Example:
        """Draw a question of that split and one right answer."""
        while True:
            b, a = sorted(_operands(rng, split))
            key = f"{a}-{b}"
            if split_of(self.name, key) == split:
                prompt = rng.choice(SUBTRACTION_PHRASES).format(a=a, b=b)
                return Example(prompt, f"{a} - {b} = {a - b}.", key)

    def check(self, prompt: str, reply: str) -> bool:
        """Say whether `reply` answers `prompt` rightly."""
        first, second = _numbers(prompt)[:2]
        return _last_number(reply) == abs(first - second)


def _operands(rng: random.Random, split: Split) -> tuple[int, int]:
    """Two numbers: the test asks for two digits, training also shows shorter ones."""
    low = 10 if split == "held_out" else 0
    return rng.randrange(low, LIMIT), rng.randrange(low, LIMIT)


def _numbers(text: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", text)]


def _last_number(text: str) -> int | None:
    numbers = _numbers(text)
    return numbers[-1] if numbers else None
