"""The units that each of very many units correlates with most, looked for in the cells around it alone."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.candidates import single
from llmri_clustering.agglomeration.cells import blocks_in_cells, nearest_cells
from llmri_clustering.layout.neighbours import Candidates, Floats, highest

WAITING = 2**23  # candidates that may pile up


def nearest_in_cells(
    units: npt.NDArray[np.floating], k: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the `k` other units that each unit correlates with most, and the correlations, `[units, k]`.

    They are looked for as `candidates_in_cells` does: what is missed lies in far cells. Highest come first.

    Args:
        units: Standardised, `[units, samples]`.
        k: How many; fewer than there are units.
        rng: Draws what cells are made from.
    """
    cells = nearest_cells(units, rng)
    found = [_best(_of_own_cells(units, cells, k), k)]
    least = _least_of(found[0], len(units), k)
    waiting = 0
    for first, second, block in blocks_in_cells(units, cells, own=False):
        better = [_better(first, second, block, least), _better(second, first, block.T, least)]
        found += better
        waiting += sum(len(unit) for unit, _, _ in better)
        if waiting > WAITING:
            found, waiting = [_best(found, k)], 0
            least = _least_of(found[0], len(units), k)
    return _filled(_best(found, k), units, k)


def _of_own_cells(units: npt.NDArray[np.floating], cells: npt.NDArray[np.int32], k: int) -> list[Candidates]:
    """Return for every unit the best of its own cell, at least `k` where there are so many."""
    found = []
    for first, second, block in blocks_in_cells(units, cells[:, :1]):
        block[first[:, None] == second] = -np.inf
        most = min(k, len(second))
        top = np.argpartition(block, len(second) - most, axis=1)[:, len(second) - most :]
        unit, other = np.repeat(first, most), second[top].ravel()
        correlation = np.take_along_axis(block, top, axis=1).ravel()
        different = unit != other
        found.append((unit[different], other[different], correlation[different]))
    return found


def _better(
    units: npt.NDArray[np.int32], others: npt.NDArray[np.int32], block: Floats, least: Floats
) -> Candidates:
    """Return the pairs of `block`, `[units, others]`, that are among the best of the first so far."""
    row, column = np.divmod(np.flatnonzero(block > least[units, None]), len(others))
    return units[row].astype(np.intp), others[column].astype(np.intp), block[row, column]


def _best(found: list[Candidates], k: int) -> Candidates:
    """Return the `k` best candidates of each unit, by unit, each once."""
    unit, other, correlation = (np.concatenate(parts) for parts in zip(*found, strict=True))
    key = unit.astype(np.int64) * (int(unit.max()) + int(other.max()) + 1) + other
    order = np.argsort(key)
    order = order[np.diff(key[order], prepend=-1) > 0]
    return highest([(unit[order], other[order], correlation[order])], k)


def _least_of(best: Candidates, number: int, k: int) -> Floats:
    """Return the least of the `k` correlations of each unit, `[units]`; -inf where it has fewer yet."""
    unit, _, correlation = best
    last = np.flatnonzero(np.diff(unit, append=-1))
    full = last[np.bincount(unit, minlength=number)[unit[last]] == k]
    least = np.full(number, -np.inf, dtype=np.float32)
    least[unit[full]] = correlation[full]
    return least


def _filled(best: Candidates, units: npt.NDArray[np.floating], k: int) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the candidates as `[units, k]`; those of a unit with fewer are looked for among all."""
    unit, other, correlation = best
    count = np.bincount(unit, minlength=len(units))
    few = np.flatnonzero(count < k)
    neighbours = np.empty((len(units), k), dtype=np.intp)
    values = np.empty((len(units), k), dtype=np.float32)
    enough = count[unit] == k
    neighbours[count == k] = other[enough].reshape(-1, k)
    values[count == k] = correlation[enough].reshape(-1, k)
    for one in few.tolist():
        row = single(units) @ single(units[one])
        row[one] = -np.inf
        order = np.argsort(-row, kind="stable")[:k]
        neighbours[one], values[one] = order, row[order]
    return neighbours, values
