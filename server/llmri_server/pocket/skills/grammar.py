"""A grammar of sentences with slots, which both writes texts and recognises them."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

Slots = Mapping[str, str]


@dataclass(frozen=True)
class Grammar:
    """A text is one alternative of each part, in order; a slot means the same word wherever it stands."""

    parts: Sequence[Sequence[str]]
    slots: Mapping[str, Sequence[str]]
    separator: str = " "
    _words: dict[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        words = {slot: "|".join(map(re.escape, choices)) for slot, choices in self.slots.items()}
        object.__setattr__(self, "_words", words)

    def draw(self, rng: random.Random) -> dict[str, str]:
        """Choose a word for every slot."""
        return {slot: rng.choice(words) for slot, words in self.slots.items()}

    def write(self, rng: random.Random, slots: Slots) -> str:
        """Write a text with those slots."""
        return self.separator.join(rng.choice(part) for part in self.parts).format(**slots)

    def read(self, text: str) -> dict[str, str] | None:
        """Return the slots with which the grammar writes `text`, or None where it never would."""
        return self._read(text.strip(), 0, {})

    def _read(self, text: str, part: int, bound: dict[str, str]) -> dict[str, str] | None:
        if part == len(self.parts):
            return None if text else bound
        for alternative in self.parts[part]:
            found = _pattern(alternative, tuple(sorted(self._words.items()))).match(text)
            if found is None or any(
                bound.get(slot, word) != word for slot, word in found.groupdict().items()
            ):
                continue
            rest = text[found.end() :].removeprefix(self.separator)
            whole = self._read(rest, part + 1, bound | found.groupdict())
            if whole is not None:
                return whole
        return None


@cache
def _pattern(alternative: str, words: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    pattern = re.escape(alternative)
    for slot, choices in words:
        mark = re.escape("{" + slot + "}")
        pattern = pattern.replace(mark, f"(?P<{slot}>{choices})", 1).replace(mark, f"(?P={slot})")
    return re.compile(pattern)
