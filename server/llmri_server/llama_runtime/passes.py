"""One forward pass over consecutive positions of one sequence."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

NO_REPLY = 1 << 62  # a prompt longer than any: all positions belong to it, and none is its last


@dataclass(frozen=True, eq=False)
class Pass:
    """What is computed.

    llama.cpp's tensors carry no positions, so a pass fits into one of its micro-batches, and row r of a
    tensor is position `first + r`. The last layer leaves out rows that give no logits: row r there is
    position `first + outputs[r]`.

    Attributes:
        ids: The tokens.
        first: The first one's position in the conversation; as many are kept.
        prompt: How many first positions of the conversation are prompt.
        outputs: Which of the tokens, from 0 and ascending, give logits.
        whole: Whether the sequence that is read ends here, so that the last token is its last position.
    """

    ids: tuple[int, ...]
    first: int
    prompt: int
    outputs: tuple[int, ...]
    whole: bool = True

    @property
    def more_follows(self) -> bool:
        """Whether more of the prompt, or of the sequence that is read, follows in another pass."""
        return not self.whole or self.first + len(self.ids) < self.prompt

    @cached_property
    def positions(self) -> npt.NDArray[np.int64]:
        """The positions in the conversation."""
        return np.arange(self.first, self.first + len(self.ids))

    @cached_property
    def output_rows(self) -> npt.NDArray[np.int64]:
        """The same as `outputs`, to index with."""
        return np.array(self.outputs, np.int64)
