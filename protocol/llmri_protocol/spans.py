"""Lists of numbers as people write them: `0-3,7`."""

import re
from collections.abc import Sequence

from llmri_protocol.fields import MOST_UNITS

_SPAN = re.compile(r"\s*([0-9]{1,16})(?:-([0-9]{1,16}))?\s*")


def spans(numbers: Sequence[int]) -> str:
    """Write numbers as `0-3,7`, in their own order: each span is a run that grows by one."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def numbers_of(text: str, most: int = MOST_UNITS) -> tuple[int, ...]:
    """Return the numbers of `0-3,7`, in the order in which they are written; none for an empty text.

    They are counted before they are written out.

    Raises:
        ValueError: That is no list of numbers, or one of more than `most`.
    """
    found: list[int] = []
    for piece in text.split(",") if text.strip() else ():
        match = _SPAN.fullmatch(piece)
        if match is None:
            raise ValueError(f"expected numbers such as 0-3,7, got `{piece.strip()[:40]}`")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"expected a span that grows, got `{piece.strip()}`")
        if len(found) + last - first >= most:
            raise ValueError(f"expected at most {most} numbers, got more at `{piece.strip()}`")
        found.extend(range(first, last + 1))
    return tuple(found)
