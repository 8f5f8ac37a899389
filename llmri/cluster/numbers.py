"""Numbers as people write them on a command line: `3,5-7`, `8-256`, `mathematics=1-10`."""

import re
from collections.abc import Iterable

MOST = 1 << 20  # the highest number taken, so that a slip of the finger does not fill the memory


def numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of `3,5-7`, ascending, each once.

    Raises:
        ValueError: It is not written so.
    """
    found: set[int] = set()
    for part in text.split(","):
        first, last = span(part) if "-" in part else (_number(part), _number(part))
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def span(text: str) -> tuple[int, int]:
    """Return both ends of `8-256`.

    Raises:
        ValueError: It is not written so, or the second is less than the first.
    """
    first, dash, last = text.partition("-")
    if not dash:
        raise ValueError(f"{text.strip()!r} is no range, expected one such as 8-256")
    ends = _number(first), _number(last)
    if ends[0] > ends[1]:
        raise ValueError(f"{text.strip()!r} is no range: {ends[0]} is more than {ends[1]}")
    return ends


def sizes(text: str) -> tuple[int, int]:
    """Return the least and the greatest size of `8-256`.

    Raises:
        ValueError: It is not written so, or a size is 0.
    """
    least, greatest = span(text)
    if least < 1:
        raise ValueError(f"nothing has size {least}, expected sizes from 1 such as 8-256")
    return least, greatest


def named(text: str) -> tuple[str, tuple[int, ...]]:
    """Return the name and the numbers of `mathematics=1-10`.

    Raises:
        ValueError: It is not written so.
    """
    name, equals, listed = text.partition("=")
    if not equals or not name.strip():
        raise ValueError(f"{text!r} names no turns, expected something such as mathematics=1-10")
    return name.strip(), numbers(listed)


def groups(texts: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return the turns of each name, of texts such as `mathematics=1-10`; what says one name twice is joined.

    Raises:
        ValueError: One is not written so, or names turn 0, or a turn has two names.
    """
    names: dict[int, str] = {}
    for text in texts:
        name, turns = named(text)
        for turn in turns:
            if turn == 0:
                raise ValueError(f"{name!r} names turn 0, expected turns counted from 1")
            if names.setdefault(turn, name) != name:
                raise ValueError(f"turn {turn} has two names, {names[turn]!r} and {name!r}, expected one")
    return {
        name: tuple(sorted(turn for turn, its in names.items() if its == name))
        for name in dict.fromkeys(names.values())
    }


def _number(text: str) -> int:
    digits = text.strip()
    if not re.fullmatch("[0-9]+", digits) or len(digits) > len(str(MOST)) or int(digits) > MOST:
        raise ValueError(f"{digits!r} is no number from 0 to {MOST}, expected something such as 3,5-7")
    return int(digits)
