"""Facts looked up by one word: capitals, a small French dictionary, opposites."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llmri_server.pocket.skills.base import Example, Split, split_of
from llmri_server.pocket.skills.tables import CAPITALS, FRENCH, OPPOSITES


@dataclass(frozen=True)
class FactSkill:
    """A table of facts, a handful of ways to ask for one and one way to answer.

    What is held out is a pair of fact and phrasing: the fact itself has been taught in other words.
    """

    name: str
    table: Mapping[str, str]
    phrases: Sequence[str]
    answer: str
    numeric: bool = False

    def sample(self, rng: random.Random, split: Split) -> Example:
        """Draw a question of that split and one right answer."""
        while True:
            word = rng.choice(tuple(self.table))
            phrase = rng.choice(self.phrases)
            key = f"{word}/{phrase}"
            if split_of(self.name, key) == split:
                reply = self.answer.format(word=word, value=self.table[word])
                return Example(phrase.format(word=word), reply, key)

    def check(self, prompt: str, reply: str) -> bool:
        """Say whether `reply` answers `prompt` rightly."""
        word = self._asked(prompt)
        return word is not None and reply.strip() == self.answer.format(word=word, value=self.table[word])

    def _asked(self, prompt: str) -> str | None:
        for phrase in self.phrases:
            before, after = phrase.split("{word}")
            found = re.fullmatch(re.escape(before) + "(.+)" + re.escape(after), prompt)
            if found and found[1] in self.table:
                return found[1]
        return None


def capitals() -> FactSkill:
    """Fifty countries and their capitals."""
    return FactSkill(
        name="capitals",
        table=CAPITALS,
        phrases=(
            "What is the capital of {word}?",
            "Capital of {word}?",
            "Which city is the capital of {word}?",
            "Tell me the capital of {word}.",
            "Name the capital of {word}.",
            "Do you know the capital of {word}?",
        ),
        answer="The capital of {word} is {value}.",
    )


def french() -> FactSkill:
    """English nouns, numbers and colours in French."""
    return FactSkill(
        name="french",
        table=FRENCH,
        phrases=(
            "How do you say {word} in French?",
            "What is {word} in French?",
            "What is the French word for {word}?",
            "Translate {word} into French.",
            "Tell me the French word for {word}.",
            "Say {word} in French.",
        ),
        answer="In French, {word} is {value}.",
    )


def opposites() -> FactSkill:
    """Adjectives and their contraries, asked from both sides."""
    both_ways = {**OPPOSITES, **{contrary: word for word, contrary in OPPOSITES.items()}}
    return FactSkill(
        name="opposites",
        table=both_ways,
        phrases=(
            "What is the opposite of {word}?",
            "Opposite of {word}?",
            "Tell me the opposite of {word}.",
            "Which word is the opposite of {word}?",
            "Give me the opposite of {word}.",
            "What is the contrary of {word}?",
        ),
        answer="The opposite of {word} is {value}.",
    )
