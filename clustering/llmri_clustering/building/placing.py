"""Where units stand: in the Hebbian layout, or in rows before there is one."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.clusters import Clustering, Placement
from llmri_clustering.layout import hebbian_layout, near_square, snap
from llmri_clustering.sources import SampleSource
from llmri_clustering.units import UnitSet


def in_rows(units: int) -> Placement:
    """Stand so many units in rows, in their order."""
    rows, columns = near_square(units)
    cells = np.stack(np.divmod(np.arange(units, dtype=np.int32), np.int32(columns)), axis=1)
    return Placement(cells[:, ::-1].astype(np.float32), cells, (rows, columns))


def laid_out(
    values: npt.NDArray[np.floating] | SampleSource, units: UnitSet, seed: int, previous: Clustering | None
) -> Placement:
    """Lay out all units, turned as the earlier layout of the same units.

    Args:
        values: Activations, `[samples, units]`.
        units: Which unit each column is.
        seed: Of everything random.
        previous: The earlier clustering, if there is one.
    """
    same = previous is not None and (
        previous.units.site == units.site
        and np.array_equal(previous.units.layer, units.layer)
        and np.array_equal(previous.units.index, units.index)
    )
    positions = hebbian_layout(
        values, seed=seed, previous=previous.placement.positions if previous is not None and same else None
    )
    cells, shape = snap(positions)
    return Placement(positions, cells, shape)
