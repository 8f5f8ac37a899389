"""A tensor as a model has it: stored plainly, or packed into several tensors of a file."""

from collections.abc import Callable
from dataclasses import dataclass

from llmri_weights.errors import WeightsError
from llmri_weights.files.stored import Stored
from llmri_weights.matrices import Matrix, StoredMatrix


@dataclass(frozen=True)
class Weight:
    """A tensor of a model.

    Attributes:
        name: As the checkpoint calls it.
        shape: Of its elements, not of what they are packed into.
        dtype: How its elements are stored, such as BF16, Q4_K or `AWQ 4 bit, groups of 128`.
        parts: The tensors of the files that it is made of.
        unpack: Returns it as a matrix.
        same_as: The name of an earlier one that has the very same bytes, or nothing.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    parts: tuple[Stored, ...]
    unpack: Callable[[], Matrix]
    same_as: str = ""

    @property
    def nbytes(self) -> int:
        """Return how many bytes of the files it takes."""
        return sum(part.nbytes for part in self.parts)

    @property
    def fault(self) -> str:
        """Return why it can't be read, or nothing."""
        return next((part.fault for part in self.parts if part.fault), "")

    def matrix(self) -> Matrix:
        """Return it as a matrix whose windows can be read.

        Raises:
            WeightsError: It has a fault, its file has changed, or its kind of element is not known.
        """
        if self.fault:
            raise WeightsError(self.fault)
        for part in self.parts:
            part.source.check()
        return self.unpack()


def plain_weight(tensor: Stored) -> Weight:
    """Return a tensor that is stored as what it is."""
    return Weight(tensor.name, tensor.shape, tensor.dtype, (tensor,), lambda: StoredMatrix(tensor))
