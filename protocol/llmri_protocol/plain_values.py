"""What people write in Python, as the plain values that the wire has: numpy's numbers, arrays, ranges."""

from collections.abc import Iterable
from operator import index
from typing import Any, SupportsFloat, SupportsIndex, TypeGuard, cast

import numpy as np


def whole(value: SupportsIndex, name: str) -> int:
    """Return a whole number as an int.

    Raises:
        TypeError: It is none; the message names the field.
    """
    if type(value) is int:
        return value
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise TypeError(f"{name} is {value!r}, expected a whole number")
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}, expected a whole number") from None


def wholes(values: object, name: str) -> tuple[int, ...]:
    """Return one whole number, or any iterable of them, as a tuple of ints.

    Raises:
        TypeError: It is neither; the message names the field.
    """
    if type(values) is tuple and all(type(value) is int for value in values):
        return values
    if isinstance(values, str | bytes):
        raise TypeError(f"{name} is {values!r}, expected whole numbers")
    if _is_iterable(values):
        return tuple(whole(value, name) for value in _listed(values))
    return (whole(cast("SupportsIndex", values), name),)


def real(value: SupportsFloat, name: str) -> float:
    """Return a number as a float.

    Raises:
        TypeError: It is none; the message names the field.
    """
    if type(value) is float:
        return value
    if isinstance(value, bool | str | bytes) or not hasattr(type(value), "__float__"):
        raise TypeError(f"{name} is {value!r}, expected a number")
    return float(value)


def reals(values: object, name: str) -> tuple[float, ...]:
    """Return any iterable of numbers as a tuple of floats.

    Raises:
        TypeError: It is none; the message names the field.
    """
    if type(values) is tuple and all(type(value) is float for value in values):
        return values
    if isinstance(values, str | bytes) or not _is_iterable(values):
        raise TypeError(f"{name} is {values!r}, expected numbers")
    return tuple(real(value, name) for value in _listed(values))


def encodable(value: object) -> object:
    """Return what MessagePack has for a value of numpy's: a number, truth or text alone, or a list.

    Raises:
        TypeError: It is another thing, which has no place in a message.
    """
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{value!r} is a {type(value).__name__}; numbers, texts and lists of them can be sent")


def _is_iterable(values: object) -> TypeGuard[Iterable[Any]]:
    """Whether this is more than one number; an array without axes is one number."""
    return isinstance(values, Iterable) and getattr(values, "ndim", 1) > 0


def _listed(values: Iterable[Any]) -> Iterable[Any]:
    """Return an array's elements as Python's own numbers, at once."""
    return list(values.tolist()) if hasattr(values, "tolist") else values
