"""What a model's state allows between turns, tried at load with a few tokens.

Keys and values of plain attention may be continued and cut back at will. Recurrent states, convolutions and
windows may not, or only in some libraries' versions and not in others: so nothing is concluded from names.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

logger = logging.getLogger(__name__)

Logits = npt.NDArray[np.float32]  # `[positions, vocabulary]`

NOTHING_KEPT = (
    "the model's state does not go on where a turn ended, so nothing is kept between turns: "
    "each of them reads the whole conversation again"
)
FIRST, MORE, STEP = 5, 4, 1  # tokens read at first, then in one piece behind them, and then alone
LENGTH = FIRST + MORE + STEP
BACK = 3  # tokens that are taken back; they reach into the piece
TRIES = 2  # with other tokens: where rounding chooses another expert, not both are far off
ROUNDINGS = 16  # times as far as the same tokens are from themselves in passes of other lengths


class Trial(Protocol):
    """A state to try."""

    def whole(self, ids: Sequence[int]) -> Logits:
        """Read a sequence in one piece from nothing; what was kept may be gone."""
        ...

    def disturb(self, ids: Sequence[int]) -> None:
        """Do what is done between turns, with other tokens."""
        ...

    def begin(self, ids: Sequence[int]) -> Logits:
        """Read from nothing, and keep the state."""
        ...

    def go_on(self, ids: Sequence[int]) -> Logits:
        """Read more behind what is kept."""
        ...

    def cut(self, count: int) -> bool:
        """Take the last positions back; False where that is refused."""
        ...


@dataclass(frozen=True)
class Keeping:
    """What may be kept between turns.

    Attributes:
        steps: Whether a token alone may follow on a state, as in every reply.
        goes_on: Whether several tokens may, so that a turn can begin where another ended.
        cuts: Whether the last positions can be taken back first.
    """

    steps: bool = True
    goes_on: bool = True
    cuts: bool = True


def measure_keeping(trial: Trial, vocabulary: int, context: int, exactness: float) -> Keeping:
    """Try what a state allows: every way to read a sequence must give what one piece gives.

    Args:
        trial: The state.
        vocabulary: How many tokens there are.
        context: How many may be read; with too few nothing is tried, and nothing kept.
        exactness: How far logits may be off whatever the roundings, relative to their spread.
    """
    found = Keeping(steps=True, goes_on=False, cuts=False)
    for number in range(TRIES if context >= LENGTH else 0):
        found = _measured(trial, _spread(vocabulary, number), exactness)
        if found.goes_on:
            break
    return found


def _measured(trial: Trial, ids: Sequence[int], exactness: float) -> Keeping:
    end = FIRST + MORE
    expected = trial.whole(ids)
    noise = max(distance(trial.whole(ids[:length]), expected[:length]) for length in (1, FIRST))
    allowed = max(exactness, ROUNDINGS * noise)

    def right(given: Logits, start: int) -> bool:
        return distance(given, expected[start : start + len(given)]) <= allowed

    def goes_on() -> bool:
        trial.begin(ids[:FIRST])
        trial.disturb(ids[::-1])
        return right(trial.go_on(ids[FIRST:end]), FIRST) and right(trial.go_on(ids[end:]), end)

    def cuts() -> bool:
        """Cut back what the trial before has left, to inside the piece, then by a single position."""
        for back in (BACK, STEP):
            start = len(ids) - back
            if not trial.cut(back) or not right(trial.go_on(ids[start:]), start):
                return False
        return True

    def steps() -> bool:
        trial.begin(ids[:FIRST])
        return all(right(trial.go_on([ids[place]]), place) for place in range(FIRST, end))

    if _holds(goes_on):
        return Keeping(cuts=_holds(cuts))
    return Keeping(steps=_holds(steps), goes_on=False, cuts=False)


def distance(one: Logits, other: Logits) -> float:
    """Return how far logits are from others at worst, in the others' spreads; infinite where not finite."""
    spread = np.linalg.norm(other - other.mean(axis=-1, keepdims=True), axis=-1)
    off = np.linalg.norm(one - other, axis=-1) / np.maximum(spread, np.finfo(np.float32).tiny)
    return float(off.max()) if np.isfinite(off).all() else float("inf")


def _holds(attempt: Callable[[], bool]) -> bool:
    """Whether an attempt succeeds; what a library cannot do it may say by raising anything."""
    try:
        return attempt()
    except MemoryError:
        raise
    except Exception as error:
        logger.info("a state cannot be kept so: %s: %s", type(error).__name__, error)
        return False


def _spread(vocabulary: int, number: int) -> list[int]:
    """Return different tokens from all over the vocabulary."""
    return [(vocabulary * (place + 1) // (LENGTH + 1) + number) % vocabulary for place in range(LENGTH)]
