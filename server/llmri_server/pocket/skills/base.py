"""What a skill is: something `pocket` was taught, that can be asked for and marked."""

import hashlib
import random
from dataclasses import dataclass
from typing import Literal, Protocol

Split = Literal["train", "held_out"]


@dataclass(frozen=True)
class Example:
    """One question and a right answer to it.

    `key` names what is asked, whatever words ask it: it alone decides the split.
    """

    prompt: str
    reply: str
    key: str


class Skill(Protocol):
    """A family of questions whose answers can be marked right or wrong."""

    @property
    def name(self) -> str:
        """What tables and commands call it."""
        ...

    @property
    def numeric(self) -> bool:
        """Whether it is a skill with numbers."""
        ...

    def sample(self, rng: random.Random, split: Split) -> Example:
        """Draw a question of that split and one right answer."""
        ...

    def check(self, prompt: str, reply: str) -> bool:
        """Say whether `reply` answers `prompt` rightly."""
        ...


def split_of(skill: str, key: str) -> Split:
    """Return the split a question belongs to: one in ten is held out, the same ten on every machine."""
    digest = hashlib.sha256(f"{skill}:{key}".encode()).digest()
    return "held_out" if int.from_bytes(digest[:4], "big") % 10 == 0 else "train"
