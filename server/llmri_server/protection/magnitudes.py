"""How large the units of a model become on a text, a few layers at a time."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import ModelCard
from llmri_protocol.sites import OF_MLP
from llmri_server.protection.massive import RESIDUAL
from llmri_server.runtime import Runtime

MLP = OF_MLP
ROW_BYTES = 256 << 20  # of activations that come back at once

Place = tuple[str, int, npt.NDArray[np.float32]]  # site, layer, and the rows `[positions, units]`


class Unit(NamedTuple):
    """A unit's address."""

    site: str
    layer: int
    unit: int


class Outlier(NamedTuple):
    """A unit, and its largest magnitude over the median magnitude of its site and layer."""

    ratio: float
    unit: Unit


def watched_places(card: ModelCard) -> dict[str, list[int]]:
    """Return the residual and MLP sites with their layers.

    What enters a block is what the block before gave: of `resid_pre`, layer 0 is enough.
    """
    present = [site.name for site in card.sites if site.name in (*RESIDUAL, *MLP)]
    layers = list(range(card.layers))
    return {
        site: layers[:1] if site == "resid_pre" and "resid_post" in present else layers for site in present
    }


def portions(card: ModelCard, positions: int) -> list[tuple[str, tuple[int, ...]]]:
    """Divide the watched places into what comes back from one pass over so many positions."""
    widths = {site.name: site.width for site in card.sites}
    found = []
    for site, layers in watched_places(card).items():
        size = max(1, ROW_BYTES // (4 * max(1, positions) * widths[site]))
        found += [(site, tuple(layers[first : first + size])) for first in range(0, len(layers), size)]
    return found


def activations(runtime: Runtime, ids: Sequence[int]) -> Iterator[list[Place]]:
    """Yield the watched places' rows, without edits: those of one pass at a time."""
    for site, layers in portions(runtime.card, len(ids)):
        rows = runtime.measure(ids, [()], sites=((site, layers),)).rows[site][0]
        yield [(site, layer, rows[:, number]) for number, layer in enumerate(layers)]


def outliers(site: str, layer: int, rows: npt.NDArray[np.float32], most: int) -> list[Outlier]:
    """Return the units of a place that are largest anywhere in the text, the largest first.

    Args:
        site: The site.
        layer: The layer.
        rows: Its activations, `[positions, units]`.
        most: How many units at most.
    """
    magnitudes = np.abs(rows)
    peaks, median = magnitudes.max(axis=0), float(np.median(magnitudes))
    largest = np.argsort(-peaks, kind="stable")[:most]
    return [
        Outlier(float(peaks[unit]) / median if median else float("inf"), Unit(site, layer, int(unit)))
        for unit in largest
        if peaks[unit] > 0
    ]
