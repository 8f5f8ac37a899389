"""The units that each of very many units correlates with most, looked for in the cells around it alone."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from llmri_clustering.agglomeration.candidates import single
from llmri_clustering.agglomeration.cells import blocks_in_cells, nearest_cells
from llmri_clustering.layout.neighbours import Candidates, Floats, highest

WAITING = 2**22  # candidates that may pile up


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
    number = len(units)
    least = np.full(number, -np.inf, dtype=np.float32)
    found: list[Candidates] = []
    waiting = 0
    for first, second, block in _blocks(units, rng):
        for one, other, better in (
            (first, second, block > least[first, None]),
            (second, first, (block > least[second]).T),
        ):
            row, column = np.divmod(np.flatnonzero(better), len(other))
            values = block[row, column] if one is first else block[column, row]
            different = one[row] != other[column]
            found.append((one[row][different], other[column][different], values[different]))
            waiting += len(found[-1][0])
        if waiting > WAITING:
            found = [_best(found, k)]
            least = _least_of(found[0], number, k)
            waiting = len(found[0][0])
    return _filled(_best(found, k), units, k)


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


def _blocks(
    units: npt.NDArray[np.floating], rng: np.random.Generator
) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Floats]]:
    """Yield members of a cell, units that probe it, and their correlations: first of all members of each."""
    nearest = nearest_cells(units, rng)
    yield from blocks_in_cells(units, nearest[:, :1])
    yield from blocks_in_cells(units, nearest)
