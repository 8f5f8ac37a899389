"""Units that may carry a model's loss, and what ablating each of them alone costs."""

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Edit
from llmri_protocol.operations import MEAN_ABLATION
from llmri_server.protection.magnitudes import Outlier, Unit
from llmri_server.protection.massive import Massive
from llmri_server.runtime import NonFiniteError, Runtime

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
    """Return at most `MOST` units: massive ones, then the sites' outliers in turn, the largest first."""
    by_ratio = sorted(massive, key=lambda found: -found.ratio)[:MOST_MASSIVE]
    first = [Unit(found.site, found.layer, found.unit) for found in by_ratio]
    ranked = [sorted(of_site, key=lambda each: -each.ratio) for of_site in outliers.values()]
    in_turn = [each.unit for each in chain.from_iterable(zip_longest(*ranked)) if each is not None]
    return list(dict.fromkeys([*first, *in_turn]))[:MOST]


def prepare_means(runtime: Runtime, ids: Sequence[int], units: Sequence[Unit]) -> None:
    """Let the runtime learn the means of these units in one pass, so that `prices` takes one a unit."""
    with contextlib.suppress(NonFiniteError):  # they are known all the same
        runtime.measure(ids[:1], [[_mean(unit) for unit in units]])


def prices(
    runtime: Runtime, ids: Sequence[int], candidates: Sequence[Unit], averaged: Sequence[Unit]
) -> Iterator[Mapping[Unit, Price]]:
    """Ablate each candidate alone, and put the averaged ones to their mean too, a pass each.

    After each pass comes what it adds to what is known: nothing after that of the model as it is.
    """
    intact = loss(runtime, ids, ())
    yield {}
    known: dict[Unit, Price] = {}
    for unit in candidates:
        known[unit] = Price(intact, loss(runtime, ids, [_zero(unit)]))
        yield {unit: known[unit]}
    for unit in averaged:
        known[unit] = replace(known[unit], mean=loss(runtime, ids, [_mean(unit)]))
        yield {unit: known[unit]}


def loss(runtime: Runtime, ids: Sequence[int], edits: Sequence[Edit]) -> float:
    """Return the mean next-token loss on a sequence under some edits, in nats a token, in one pass.

    It is infinite where the edits make the logits so.

    Raises:
        NonFiniteError: The logits are not finite without any edit.
    """
    try:
        logits = runtime.measure(ids, [edits], logits=len(ids)).logits
    except NonFiniteError:
        if not edits:
            raise
        return float("inf")
    return _mean_loss(logits[0], ids)


def _zero(unit: Unit) -> Edit:
    return Edit(site=unit.site, layer=unit.layer, units=(unit.unit,))


def _mean(unit: Unit) -> Edit:
    """Return the edit that puts a unit to its mean over the calibration text, whatever was said meanwhile."""
    return Edit(site=unit.site, layer=unit.layer, units=(unit.unit,), op=MEAN_ABLATION)


def _nats(loss: float) -> str:
    return f"{loss:.2f}" if math.isfinite(loss) else "infinitely many"


def _mean_loss(logits: npt.NDArray[np.float32], ids: Sequence[int]) -> float:
    """Return the mean cross entropy of `logits`, `[positions, vocabulary]`, with the tokens that follow."""
    rows = logits[:-1].astype(np.float64)
    rows -= rows.max(axis=-1, keepdims=True)
    chosen = rows[np.arange(len(rows)), ids[1:]]
    return float((np.log(np.exp(rows).sum(axis=-1)) - chosen).mean())
