"""Little stories about an animal with a name, made and recognised by one grammar."""

import random
import re
from dataclasses import dataclass

from llmri_server.pocket.skills.base import Example, Split, split_of
from llmri_server.pocket.skills.grammar import Grammar

SLOTS: dict[str, tuple[str, ...]] = {
    "hero": (
        "fox", "rabbit", "bear", "mouse", "cat", "dog", "frog", "wolf", "hen", "duck", "goat",
        "pony", "lion", "bird", "squirrel",
    ),
    "name": (
        "Max", "Lily", "Tom", "Anna", "Ben", "Rosa", "Leo", "Mia", "Sam", "Nina", "Paul", "Ella",
    ),
    "trait": ("little", "brave", "shy", "clever", "gentle", "curious"),
    "place": ("forest", "valley", "village", "garden", "mountain"),
    "thing": ("golden key", "red ball", "lost hat", "silver bell", "blue stone"),
    "helper": ("turtle", "bee", "snail", "hedgehog", "swan"),
    "spot": ("bridge", "river", "hill", "tree", "well"),
}  # fmt: skip

SENTENCES: tuple[tuple[str, ...], ...] = (
    (
        "Once upon a time there was a {trait} {hero} named {name}.",
        "Long ago a {trait} {hero} named {name} lived in the {place}.",
        "There once was a {trait} {hero} whose name was {name}.",
    ),
    (
        "One day {name} wanted to find a {thing}.",
        "Every night {name} dreamed of a {thing}.",
        "One morning {name} heard about a {thing}.",
    ),
    (
        "On the way {name} met a kind {helper} near the {spot}.",
        "At the old {spot} a {helper} asked {name} to stop.",
        "Behind the {spot} {name} found a sad {helper}.",
    ),
    (
        "They looked for the {thing} until it was dark.",
        "Together they crossed the {spot} and were not afraid.",
        "The {helper} showed {name} where to look.",
    ),
    (
        "At last the {hero} had the {thing} and was happy.",
        "In the end {name} and the {helper} became good friends.",
        "Then the {hero} went home with the {thing} and slept.",
    ),
)

PROMPTS = (
    "Tell me a story about a {hero} named {name}.",
    "Tell a story about a {hero} named {name}.",
    "Write a story about a {hero} named {name}.",
    "I want a story about a {hero} named {name}.",
)
OPEN_PROMPTS = (
    "Tell me a story about a {hero}.",
    "Tell a story about a {hero}.",
    "Write a story about a {hero}.",
    "Tell me a story.",
)


NAMED = 0.6  # share of the training prompts that give the hero a name
GRAMMAR = Grammar(SENTENCES, SLOTS)


@dataclass(frozen=True)
class Stories:
    """Five sentences with one hero, one thing, one helper; held out are hero and name together."""

    name: str = "stories"
    numeric: bool = False

    def sample(self, rng: random.Random, split: Split) -> Example:
        """Draw a question of that split and one right answer."""
        while True:
            slots = GRAMMAR.draw(rng)
            key = f"{slots['hero']}/{slots['name']}"
            if split_of(self.name, key) != split:
                continue
            named = split == "held_out" or rng.random() < NAMED
            prompt = rng.choice(PROMPTS if named else OPEN_PROMPTS).format(**slots)
            return Example(prompt, GRAMMAR.write(rng, slots), key)

    def check(self, prompt: str, reply: str) -> bool:
        """Say whether `reply` answers `prompt` rightly."""
        told = GRAMMAR.read(reply)
        if told is None:
            return False
        named = re.search(r"named (\w+)", prompt)
        about = re.search(r"about an? (\w+)", prompt)
        return (named is None or named[1] == told["name"]) and (about is None or about[1] == told["hero"])
