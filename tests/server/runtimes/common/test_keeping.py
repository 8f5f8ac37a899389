"""What a state allows is measured, against states that are wrong in every way."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from llmri_server.runtimes.common.keeping import Keeping, Logits, measure_keeping

VOCABULARY, CONTEXT, EXACTNESS = 100, 64, 1e-5
NOTHING = Keeping(steps=False, goes_on=False, cuts=False)


class Summing:
    """Gives logits that hang on the sum of all that was read: a state that is right."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.embedding = rng.normal(size=(VOCABULARY, 8))
        self.head = rng.normal(size=(8, VOCABULARY))
        self.read: list[int] = []

    def logits(self, ids: Sequence[int], before: Sequence[int]) -> Logits:
        state: npt.NDArray[np.float64] = self.embedding[list(before)].sum(axis=0)
        return np.asarray((state + self.embedding[list(ids)].cumsum(axis=0)) @ self.head, np.float32)

    def whole(self, ids: Sequence[int]) -> Logits:
        return self.logits(ids, [])

    def disturb(self, ids: Sequence[int]) -> None:
        """Nothing is disturbed."""

    def begin(self, ids: Sequence[int]) -> Logits:
        self.read = []
        return self.go_on(ids)

    def go_on(self, ids: Sequence[int]) -> Logits:
        found = self.logits(ids, self.read)
        self.read += ids
        return found

    def cut(self, count: int) -> bool:
        del self.read[-count:]
        return True


class LosesBySeveral(Summing):
    def go_on(self, ids: Sequence[int]) -> Logits:
        self.read = self.read if len(ids) == 1 else []
        return super().go_on(ids)


class LosesAlways(Summing):
    def go_on(self, ids: Sequence[int]) -> Logits:
        self.read = []
        return super().go_on(ids)


class IsDisturbed(Summing):
    def disturb(self, ids: Sequence[int]) -> None:
        self.read = list(ids)


class Refuses(Summing):
    def cut(self, count: int) -> bool:
        return False


class Raises(Summing):
    def cut(self, count: int) -> bool:
        raise RuntimeError(f"{count} cannot be taken back")


class CutsNothing(Summing):
    def cut(self, count: int) -> bool:
        return True


class LosesAllByOne(Summing):
    def cut(self, count: int) -> bool:
        self.read = [] if count == 1 else self.read[:-count]
        return True


class Infinite(Summing):
    def go_on(self, ids: Sequence[int]) -> Logits:
        return super().go_on(ids) * np.float32("nan")


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (Summing, Keeping()),
        (LosesBySeveral, Keeping(steps=True, goes_on=False, cuts=False)),
        (IsDisturbed, Keeping(steps=True, goes_on=False, cuts=False)),
        (LosesAlways, NOTHING),
        (Infinite, NOTHING),
        (Refuses, Keeping(cuts=False)),
        (Raises, Keeping(cuts=False)),
        (CutsNothing, Keeping(cuts=False)),
        (LosesAllByOne, Keeping(cuts=False)),
    ],
)
def test_what_a_state_does_wrong_is_found(state: type[Summing], found: Keeping) -> None:
    assert measure_keeping(state(), VOCABULARY, CONTEXT, EXACTNESS) == found


def test_a_context_too_short_to_try_keeps_nothing() -> None:
    found = measure_keeping(Summing(), VOCABULARY, 4, EXACTNESS)
    assert found == Keeping(steps=True, goes_on=False, cuts=False)
