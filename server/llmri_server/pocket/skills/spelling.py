"""Spelling words backwards, letter by letter."""

import random
import re
from dataclasses import dataclass

from llmri_server.pocket.skills.base import Example, Split, split_of
from llmri_server.pocket.skills.tables import SPELLING_WORDS

PHRASES = (
    "Spell {word} backwards.",
    "Write {word} backwards.",
    "What is {word} spelled backwards?",
    "How do you spell {word} backwards?",
    "Can you spell {word} backwards?",
    "Please spell {word} backwards.",
)


@dataclass(frozen=True)
class Backwards:
    """The letters of a word from the last to the first; held out are pairs of word and phrasing."""

    name: str = "backwards"
    numeric: bool = False

    def sample(self, rng: random.Random, split: Split) -> Example:
        """Draw a question of that split and one right answer."""
        while True:
            word, phrase = rng.choice(SPELLING_WORDS), rng.choice(PHRASES)
            key = f"{word}/{phrase}"
            if split_of(self.name, key) == split:
                return Example(phrase.format(word=word), _answer(word), key)

    def check(self, prompt: str, reply: str) -> bool:
        """Say whether `reply` answers `prompt` rightly."""
        asked = re.search(r"(?:spell|write|is) (\w+) (?:spelled )?backwards", prompt, re.IGNORECASE)
        return asked is not None and reply.strip() == _answer(asked[1])


def _answer(word: str) -> str:
    return " ".join(reversed(word)) + "."
