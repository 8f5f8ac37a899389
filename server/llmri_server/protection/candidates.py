"""Units that may carry a model's loss, and what ablating each of them alone costs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from llmri_protocol.messages import Edit
from llmri_server.protection.magnitudes import Outlier, Unit
from llmri_server.protection.massive import Massive
from llmri_server.protection.sweep import losses
from llmri_server.runtime import Runtime

MOST = 32  # ablated one by one
MOST_MASSIVE = 16  # of these; each of them is put to its mean too


@dataclass(frozen=True)
class Price:
    """The mean next-token loss in nats: of the model itself, with a unit at zero, and at its mean."""

    intact: float
    zeroed: float
    mean: float | None = None

    @property
    def rise(self) -> float:
        """By how much the loss rises where the unit is zero."""
        return self.zeroed - self.intact

    def in_words(self) -> str:
        """Say what ablating the unit costs."""
        words = f"zeroing it alone takes the loss from {self.intact:.2f} to {_nats(self.zeroed)} nats a token"
        return words + (f", its mean to {_nats(self.mean)}" if self.mean is not None else "")


def choose(massive: Iterable[Massive], outliers: Mapping[str, Sequence[Outlier]]) -> list[Unit]:
    """Give at most `MOST` units: massive ones, then the sites' outliers in turn, the largest first."""
    by_ratio = sorted(massive, key=lambda found: -found.ratio)[:MOST_MASSIVE]
    first = [Unit(found.site, found.layer, found.unit) for found in by_ratio]
    ranked = [sorted(of_site, key=lambda each: -each.ratio) for of_site in outliers.values()]
    in_turn = [each.unit for each in chain.from_iterable(zip_longest(*ranked)) if each is not None]
    return list(dict.fromkeys([*first, *in_turn]))[:MOST]


def prices(
    runtime: Runtime, ids: Sequence[int], candidates: Sequence[Unit], massive: frozenset[Unit]
) -> dict[Unit, Price]:
    """Ablate each candidate alone, and put the massive ones to their mean too."""
    averaged = [unit for unit in candidates if unit in massive]
    zeros = [[Edit(site=unit.site, layer=unit.layer, units=(unit.unit,))] for unit in candidates]
    means = [[Edit(site=unit.site, layer=unit.layer, units=(unit.unit,), op="mean")] for unit in averaged]
    intact, *edited = losses(runtime, ids, [[], *zeros, *means])
    at_mean = dict(zip(averaged, edited[len(zeros) :], strict=True))
    return {
        unit: Price(intact, zeroed, at_mean.get(unit))
        for unit, zeroed in zip(candidates, edited[: len(zeros)], strict=True)
    }


def _nats(loss: float) -> str:
    return f"{loss:.2f}" if math.isfinite(loss) else "infinitely many"
