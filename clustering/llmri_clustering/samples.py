"""What was collected: scans at token positions, and the text they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_clustering.sources import SampleSource


@dataclass(frozen=True)
class TurnText:
    """The tokens of one turn, prompt and reply, in order.

    Attributes:
        tokens: Text of each token.
        group: What kind of turn it is, such as `mathematics`; empty where nobody said.
    """

    tokens: tuple[str, ...]
    group: str = ""


@dataclass(frozen=True, eq=False)
class Samples:
    """Scans kept for clustering, one a row.

    Attributes:
        values: Activations, `[samples, units]`, float32.
        turn: The turn each sample comes from, `[samples]`.
        token: The token that stood there, by its number in the turn, `[samples]`.
        texts: The turns' tokens, by number of the turn.
    """

    values: npt.NDArray[np.float32]
    turn: npt.NDArray[np.int32]
    token: npt.NDArray[np.int32]
    texts: Mapping[int, TurnText]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class StoredSamples:
    """Scans kept for clustering that are read a few units at a time.

    Attributes:
        values: Activations, `[samples, units]`.
        turn: The turn each sample comes from, `[samples]`.
        token: The token that stood there, by its number in the turn, `[samples]`.
        texts: The turns' tokens, by number of the turn.
    """

    values: SampleSource
    turn: npt.NDArray[np.int32]
    token: npt.NDArray[np.int32]
    texts: Mapping[int, TurnText]

    def __len__(self) -> int:
        return self.values.shape[0]


AnySamples = Samples | StoredSamples
