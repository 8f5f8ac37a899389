"""A state is a dictionary of arrays; reading one back finds what is wrong with it."""

from collections.abc import Mapping
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

State = dict[str, npt.NDArray[np.generic]]
Kept = Mapping[str, npt.NDArray[np.generic]]
Range = tuple[float, float]
Scalar = TypeVar("Scalar", bound=np.generic)
Number = TypeVar("Number", int, float)

FINITE = (float(np.finfo(np.float64).min), float(np.finfo(np.float64).max))
NOT_NEGATIVE = (0.0, FINITE[1])


def array(
    state: Kept, name: str, dtype: type[Scalar], shape: tuple[int | None, ...], within: Range = FINITE
) -> npt.NDArray[Scalar]:
    """Return one array of a state.

    Args:
        state: The state.
        name: The array's name.
        dtype: What it must hold.
        shape: What shape it must have; None where any length will do.
        within: The least and the greatest number that it may hold.

    Raises:
        ValueError: It is missing, of another type or shape, or holds another number.
    """
    if name not in state:
        raise ValueError(f"the state has no {name!r}, it has {sorted(state)}")
    found = np.asarray(state[name])
    fits = len(found.shape) == len(shape) and all(
        wanted in (None, length) for wanted, length in zip(shape, found.shape, strict=True)
    )
    if found.dtype != dtype or not fits:
        lengths = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(
            f"{name!r} of the state is {found.dtype} {list(found.shape)}, "
            f"expected {np.dtype(dtype)} [{lengths}]"
        )
    for extreme in (found.min().item(), found.max().item()) if found.size else ():  # NaN where any is
        if not within[0] <= extreme <= within[1]:
            raise ValueError(f"{name!r} of the state holds {extreme}, expected {_words(within)}")
    return cast("npt.NDArray[Scalar]", found)


def number(state: Kept, name: str, kind: type[Number], within: Range = NOT_NEGATIVE) -> Number:
    """Return one number of a state, from an array without dimensions.

    Raises:
        ValueError: It is missing, or no such number.
    """
    return kind(array(state, name, np.int64 if kind is int else np.float64, (), within).item())


def nested(name: str, state: Kept) -> State:
    """Return a part's state under its name."""
    return {f"{name}.{key}": value for key, value in state.items()}


def part(name: str, state: Kept) -> State:
    """Return what `nested` was given."""
    return {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}


def _words(within: Range) -> str:
    if within == FINITE:
        return "a finite number"
    return "at least 0" if within == NOT_NEGATIVE else f"{within[0]:g} to {within[1]:g}"
