"""The few units that each unit correlates with most, from samples: no correlation of all pairs is held."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.candidates import single
from llmri_clustering.agglomeration.linkage import standardised_rows
from llmri_clustering.correlation.partners import ROWS, Partners
from llmri_clustering.layout.cells import nearest_in_cells
from llmri_clustering.sources import SampleSource, source_of

EXACT = 16384  # units up to which all pairs are looked at


def partners_of_samples(
    samples: npt.NDArray[np.floating] | SampleSource, number: int, *, seed: int = 0
) -> Partners:
    """Return each unit's strongest partners, by |r| as `strongest_partners` does.

    Of more than 16,384 units they are looked for in the cells around each: then those of positive r, as far
    as they are found (`nearest_in_cells`).

    Args:
        samples: Activations, `[samples, units]`.
        number: How many of each unit, at most units - 1.
        seed: Of the cells.

    Raises:
        ValueError: There are not so many, or the samples are not finite.
    """
    source = source_of(samples)
    units = source.shape[1]
    if not 1 <= number < units:
        raise ValueError(f"{number} partners are asked for, expected 1 to {units - 1} for {units} units")
    rows = standardised_rows(source)
    if units > EXACT:
        unit, r = nearest_in_cells(rows, number, np.random.default_rng(seed))
        found = unit.astype(np.int32)
    else:
        found, r = _among_all(rows, number)
    found[r == 0] = -1
    return Partners(found, r)


def _among_all(
    rows: npt.NDArray[np.floating], number: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    found = np.empty((len(rows), number), np.int32)
    strength = np.empty((len(rows), number), np.float32)
    whole = single(rows)
    for first in range(0, len(rows), ROWS):
        r = whole[first : first + ROWS] @ whole.T
        np.fill_diagonal(r[:, first:], 0)
        weights = np.abs(r)
        np.fill_diagonal(weights[:, first:], -1)
        top = np.argpartition(weights, -number, axis=1)[:, -number:]
        order = np.argsort(-np.take_along_axis(weights, top, axis=1), axis=1, kind="stable")
        top = np.take_along_axis(top, order, axis=1)
        found[first : first + ROWS] = top
        strength[first : first + ROWS] = np.take_along_axis(r, top, axis=1)
    return found, strength
