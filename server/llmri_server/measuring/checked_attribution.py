"""What each unit of a layer contributes to a logit, checked by ablating some of them."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import AttributionMethod, Candidate, Edit
from llmri_server.measuring.correlation import pearson, spearman
from llmri_server.measuring.distributions import logprobs
from llmri_server.measuring.progress import Progress, Steps
from llmri_server.runtime import Runtime

AT_ONCE = 8  # ablations between two looks at `stop`
SEED = 0  # of the units that are checked


@dataclass(frozen=True, eq=False)
class CheckedAttribution:
    """What the units of one layer contribute to the logit of `target`.

    `values` is float32 `[width]`, over all positions. Of the units in `checked`, `effects` says by how much
    the logit fell when each was ablated alone, at all positions; the correlations are over these units.
    """

    target: Candidate
    values: npt.NDArray[np.float32]
    checked: tuple[int, ...]
    effects: tuple[float, ...]
    pearson: float | None
    spearman: float | None


def attribution(
    runtime: Runtime,
    ids: Sequence[int],
    site: str,
    layer: int,
    *,
    target: int | None,
    method: AttributionMethod,
    checked: int,
    progress: Progress,
    stop: threading.Event,
) -> CheckedAttribution:
    """Attribute the next token's logit to the units of a layer, and ablate some to compare.

    Half of the checked units are those with the strongest attribution, half are drawn from the others: a
    correlation over the strongest alone would say little about the rest.

    Raises:
        StoppedError: `stop` was set.
        UnsupportedError: The runtime computes no gradients.
    """
    width = next(each.width for each in runtime.card.sites if each.name == site)
    steps = Steps(1 + min(checked, width), progress, stop)
    steps.begin(f"attributing `{site}`, layer {layer}")
    found = runtime.attribute(ids, site, layer, target=target, method=method, stop=stop)
    steps.end()
    units = sample_units(found.values, checked)
    logits = _ablated(runtime, ids, [_ablation(site, layer, unit) for unit in units], steps)
    effects = (logits[0, found.target] - logits[1:, found.target]).astype(np.float64)
    shares = found.values[list(units)].astype(np.float64)
    likelihood = float(logprobs(logits[0])[found.target])
    return CheckedAttribution(
        target=Candidate(id=found.target, text=runtime.text_of(found.target), logprob=likelihood),
        values=found.values,
        checked=units,
        effects=tuple(effects.tolist()),
        pearson=pearson(shares, effects),
        spearman=spearman(shares, effects),
    )


def sample_units(values: npt.NDArray[np.float32], count: int) -> tuple[int, ...]:
    """Return the units to check: the strongest half, strongest first, then a random half of the others.

    The draw is seeded, so the same attribution gives the same units.
    """
    order = np.argsort(-np.abs(values), kind="stable")
    strongest, others = np.split(order, [min((count + 1) // 2, len(values))])
    drawn = np.random.default_rng(SEED).permutation(others)[: max(0, count - len(strongest))]
    return tuple(int(unit) for unit in (*strongest, *np.sort(drawn)))


def _ablation(site: str, layer: int, unit: int) -> Edit:
    return Edit(site=site, layer=layer, units=(unit,), value=0.0)


def _ablated(
    runtime: Runtime, ids: Sequence[int], ablations: Sequence[Edit], steps: Steps
) -> npt.NDArray[np.float32]:
    """The next token's logits without any edit, then under each ablation: `[1 + units, vocabulary]`."""
    variants: list[tuple[Edit, ...]] = [(), *((edit,) for edit in ablations)]
    parts = []
    for start in range(0, len(variants), AT_ONCE):
        some = variants[start : start + AT_ONCE]
        steps.begin(f"ablating {len(ablations)} units one by one")
        parts.append(runtime.measure(ids, some).logits[:, -1])
        steps.end(len(some) - (start == 0))
    return np.concatenate(parts)
