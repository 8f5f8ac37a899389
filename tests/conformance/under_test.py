"""What the suite knows of an engine: the runtime, somebody who edits by hand, and how far they may differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Edit
from llmri_server.runtime import Measured, Runtime, SiteLayers

Floats = npt.NDArray[np.float32]


class Reference(Protocol):
    """Does what an edit means, in plain code that shares nothing with the runtime."""

    def measure(
        self,
        ids: Sequence[int],
        variants: Sequence[Sequence[Edit]],
        *,
        sites: SiteLayers = (),
        logits: int = 1,
        prompt: int | None = None,
    ) -> Measured:
        """Do what `Runtime.measure` does."""
        ...

    def reply(self, prompt: Sequence[int], edits: Sequence[Edit], tokens: int) -> list[tuple[int, Floats]]:
        """Return the likeliest tokens one after the other, each with the logprobs that it was chosen from."""
        ...


@dataclass(frozen=True)
class RuntimeUnderTest:
    """An engine with a model.

    `tolerance` is absolute, on logits and activations; 0 asks for the same bits.
    """

    runtime: Runtime
    reference: Reference
    tolerance: float = 0.0

    def same(self, one: npt.ArrayLike, other: npt.ArrayLike) -> bool:
        """Whether two arrays are as equal as this engine's have to be; not a number equals itself."""
        here, there = np.asarray(one, np.float32), np.asarray(other, np.float32)
        if self.tolerance:
            return np.allclose(here, there, rtol=0, atol=self.tolerance, equal_nan=True)
        equal_bits = here.view(np.uint32) == there.view(np.uint32)
        return bool((equal_bits | (np.isnan(here) & np.isnan(there))).all())

    def assert_same(self, one: Measured, other: Measured) -> None:
        """Fail unless two measurements are the same."""
        assert self.same(one.logits, other.logits), "logits"
        assert one.rows.keys() == other.rows.keys()
        for site in one.rows:
            assert self.same(one.rows[site], other.rows[site]), site
