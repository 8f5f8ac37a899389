"""Poems of two rhymed couplets about a thing the reader names."""

import random
import re
from dataclasses import dataclass
from itertools import product

from llmri_server.pocket.skills.base import Example, Split, split_of
from llmri_server.pocket.skills.grammar import Grammar

TOPICS = (
    "sea", "moon", "river", "rain", "wind", "garden", "summer", "winter", "forest", "star", "flower",
    "cloud", "snow", "bird", "cat", "tree",
)  # fmt: skip

RHYMES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("I saw the {topic} at close of day", "The {topic} is never far away"),
        ("and all my sorrow went away", "and there I always wish to stay"),
    ),
    (
        ("The {topic} was silver in the night", "I found the {topic} in morning light"),
        ("and filled my window with delight", "a quiet and a lovely sight"),
    ),
    (
        ("Oh {topic}, you are so dear to me", "Come to the {topic} and you will see"),
        ("as old and gentle as can be", "how still and open hearts can be"),
    ),
    (
        ("I hear the {topic} begin to sing", "The {topic} is such a gentle thing"),
        ("and think of all that it may bring", "as soft and early as the spring"),
    ),
    (
        ("The {topic} is calling from the hill", "The {topic} is waiting, calm and still"),
        ("and I have loved it and I will", "and of its peace I drink my fill"),
    ),
    (
        ("I told the {topic} my secret dream", "How fair the {topic} can make things seem"),
        ("beside a small and shining stream", "as in a warm and golden beam"),
    ),
)
COUPLETS = tuple(
    f"{opener},\n{closer}." for openers, closers in RHYMES for opener, closer in product(openers, closers)
)
GRAMMAR = Grammar((COUPLETS, COUPLETS), {"topic": TOPICS}, separator="\n")

PROMPTS = (
    "Write a poem about the {topic}.",
    "Write me a poem about the {topic}.",
    "Make a poem about the {topic}.",
    "I want a poem about the {topic}.",
    "Give me a short poem about the {topic}.",
)


@dataclass(frozen=True)
class Poems:
    """Four lines, rhymed in pairs, no couplet twice; held out are pairs of topic and phrasing."""

    name: str = "poems"
    numeric: bool = False

    def sample(self, rng: random.Random, split: Split) -> Example:
        """Draw a question of that split and one right answer."""
        while True:
            slots, phrase = GRAMMAR.draw(rng), rng.choice(PROMPTS)
            key = f"{slots['topic']}/{phrase}"
            if split_of(self.name, key) == split:
                return Example(phrase.format(**slots), _write(rng, slots["topic"]), key)

    def check(self, prompt: str, reply: str) -> bool:
        """Say whether `reply` answers `prompt` rightly."""
        lines = reply.strip().split("\n")
        asked, told = re.search(r"about the (\w+)", prompt), GRAMMAR.read(reply)
        return told is not None and lines[:2] != lines[2:] and (asked is None or asked[1] == told["topic"])


def _write(rng: random.Random, topic: str) -> str:
    couplets = (
        f"{rng.choice(openers)},\n{rng.choice(closers)}." for openers, closers in rng.sample(RHYMES, 2)
    )
    return "\n".join(couplets).format(topic=topic)
