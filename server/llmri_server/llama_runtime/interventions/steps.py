"""The arithmetic of edits on rows in float32, `[positions, width]`: each touches the units it names only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from llmri_server.edits import sample_numbers

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


class Step(Protocol):
    """One change of rows; `touched` says of which units."""

    @property
    def touched(self) -> Numbers | slice:
        """The units that it changes."""
        ...

    def change(self, rows: Floats, positions: Numbers) -> None:
        """Change rows in place; `positions` are theirs in the conversation."""
        ...


@dataclass(frozen=True, eq=False)
class Steering:
    """A direction, `[width]`, that is added to all units."""

    addend: Floats

    @property
    def touched(self) -> slice:
        """All units."""
        return slice(None)

    def change(self, rows: Floats, positions: Numbers) -> None:  # noqa: ARG002  # the same everywhere
        """Add the direction."""
        rows += self.addend


@dataclass(frozen=True, eq=False)
class Scaling:
    """Factors of units."""

    touched: Numbers
    factors: Floats

    def change(self, rows: Floats, positions: Numbers) -> None:  # noqa: ARG002
        """Multiply."""
        rows[:, self.touched] *= self.factors


@dataclass(frozen=True, eq=False)
class Adding:
    """Addends of units."""

    touched: Numbers
    addends: Floats

    def change(self, rows: Floats, positions: Numbers) -> None:  # noqa: ARG002
        """Add."""
        rows[:, self.touched] += self.addends


@dataclass(frozen=True, eq=False)
class Replacing:
    """Values for units."""

    touched: Numbers
    values: Floats

    def change(self, rows: Floats, positions: Numbers) -> None:  # noqa: ARG002
        """Put the values in."""
        rows[:, self.touched] = self.values


class Resampling:
    """Samples of units, `[samples, units]`, of which each position takes one."""

    def __init__(self, touched: Numbers, samples: Floats, seed: int) -> None:
        self.touched = touched
        self._samples = samples
        self._numbers = sample_numbers(seed, len(samples))

    def change(self, rows: Floats, positions: Numbers) -> None:
        """Put each position's sample in."""
        drawn = self._numbers[positions % len(self._numbers)]
        rows[:, self.touched] = self._samples[drawn]


# How the units of an operation that takes a number are changed.
STEPS: Mapping[str, Callable[[Numbers, Floats], Step]] = {"scale": Scaling, "add": Adding, "set": Replacing}
