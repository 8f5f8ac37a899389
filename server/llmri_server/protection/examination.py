"""A model looked through for units to protect, one forward pass at a time.

Everything is measured on the first `TOKENS` tokens of the calibration text: magnitudes, in few passes a
site, then ablations, each in a pass of its own, so that whoever waits for the model waits for one pass at
most. What is found at a block's end holds for the next block's input too, which is the same numbers.
"""

from collections.abc import Iterable, Iterator

import msgspec

from llmri_protocol.messages import ModelCard, ProtectedUnit
from llmri_server.protection.candidates import MOST, MOST_MASSIVE, Price, choose, prepare_means, prices
from llmri_server.protection.magnitudes import Outlier, Unit, activations, outliers, portions
from llmri_server.protection.massive import RESIDUAL, Massive, in_words, massive_activations
from llmri_server.runtime import Runtime
from llmri_server.runtimes.common.calibration import calibration_ids

TOKENS = 128
INTACT = 1  # passes of the model as it is


class Examination:
    """The search for massive units and, unless `nats` is None, those whose ablation costs more than that.

    Belongs to the thread that the runtime belongs to, but for `done`, `total` and `found`.

    Args:
        runtime: The model; no standing edit is felt, and what it keeps stays.
        nats: By how much the mean next-token loss must rise.

    Attributes:
        ids: What the passes read.
        done: How many passes were run.
        total: How many there are in all; before the magnitudes are known, the most there can be but for the
            means of massive units.

    Raises:
        ConfigError: The calibration text is not installed.
    """

    def __init__(self, runtime: Runtime, nats: float | None) -> None:
        self._runtime = runtime
        self._nats = nats
        self.ids = calibration_ids(runtime)[:TOKENS]
        self._massive: dict[Unit, Massive] = {}
        self._costs: dict[Unit, Price] = {}
        self._passes = self._run()
        self.done = 0
        self.total = len(portions(runtime.card, len(self.ids)))
        self.total += 0 if nats is None else INTACT + MOST

    def advance(self) -> bool:
        """Run one pass; give whether there may be more.

        Raises:
            NonFiniteError: The model gives no finite values even without edits.
            UnsupportedError: The runtime measures nothing.
        """
        if next(self._passes, None) is None:
            self.total = self.done
            return False
        self.done += 1
        self.total = max(self.total, self.done)
        return True

    def found(self) -> tuple[ProtectedUnit, ...]:
        """Return what was found so far; all there is, once `advance` said that there are no more passes."""
        massive, costs = dict(self._massive), dict(self._costs)
        units = [_massive(unit, self._evidence(each), costs) for unit, each in massive.items()]
        units += [
            _lossy(unit, cost)
            for unit, cost in costs.items()
            if self._nats is not None and cost.rise > self._nats
        ]
        return tuple(_with_next_input(units, self._runtime.card))

    def _evidence(self, found: Massive) -> str:
        return in_words(found, self.ids, self._runtime.text_of)

    def _run(self) -> Iterator[int]:
        """Yield after each pass how many there were before it."""
        ranked: dict[str, list[Outlier]] = {}
        for portion in activations(self._runtime, self.ids):
            for site, layer, rows in portion:
                ranked.setdefault(site, []).extend(outliers(site, layer, rows, MOST))
                if site in RESIDUAL:
                    found = massive_activations(site, layer, rows)
                    self._massive |= {Unit(site, layer, each.unit): each for each in found}
            yield self.done
        if self._nats is not None:
            yield from self._ablations(ranked)

    def _ablations(self, ranked: dict[str, list[Outlier]]) -> Iterator[int]:
        editable = {site.name for site in self._runtime.card.sites if site.editable}
        candidates = choose(
            [each for unit, each in self._massive.items() if unit.site in editable],
            {site: each for site, each in ranked.items() if site in editable},
        )
        averaged = [unit for unit in candidates if unit in self._massive][:MOST_MASSIVE]
        self.total = self.done + INTACT + len(candidates) + len(averaged) + bool(averaged)
        if averaged:
            prepare_means(self._runtime, self.ids, averaged)
            yield self.done
        for known in prices(self._runtime, self.ids, candidates, averaged):
            self._costs |= known
            yield self.done


def _massive(unit: Unit, evidence: str, costs: dict[Unit, Price]) -> ProtectedUnit:
    cost = f"; {costs[unit].in_words()}" if unit in costs else ""
    return ProtectedUnit(**unit._asdict(), test="massive", evidence=evidence + cost)


def _lossy(unit: Unit, cost: Price) -> ProtectedUnit:
    return ProtectedUnit(**unit._asdict(), test="loss", evidence=cost.in_words())


def _with_next_input(found: Iterable[ProtectedUnit], card: ModelCard) -> Iterator[ProtectedUnit]:
    has_input = any(site.name == "resid_pre" for site in card.sites)
    for unit in found:
        yield unit
        if has_input and unit.site == "resid_post" and unit.layer + 1 < card.layers:
            yield msgspec.structs.replace(unit, site="resid_pre", layer=unit.layer + 1)
