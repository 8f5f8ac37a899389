"""The provenance of kept keys and values, as passes add to them."""

from llmri_protocol.messages import Edit
from llmri_server.edits.provenance import Provenance


class Computed:
    """Under which edits the positions so far were computed; other threads may read it at any time.

    Positions under the same edits are only counted, because a pass waits for it.

    Args:
        layers: The model's.
    """

    def __init__(self, layers: int) -> None:
        self._state: tuple[Provenance, tuple[Edit, ...], int] = (Provenance(layers), (), 0)

    @property
    def provenance(self) -> Provenance:
        """The edits behind each position."""
        earlier, edits, positions = self._state
        return earlier.then(edits, positions) if positions else earlier

    @property
    def length(self) -> int:
        """How many positions there are."""
        earlier, _, positions = self._state
        return earlier.length + positions

    def add(self, edits: tuple[Edit, ...], positions: int) -> None:
        """Learn that so many further positions were computed under these edits."""
        earlier, same, count = self._state
        if edits is not same:
            earlier, count = self.provenance, 0
        self._state = (earlier, edits, count + positions)

    def cut(self, length: int) -> None:
        """Forget the positions from `length` on."""
        self._state = (self.provenance.until(length), (), 0)

    def renew(self, edits: tuple[Edit, ...], positions: int) -> None:
        """Learn that all positions were computed anew, under these edits."""
        self._state = (self.provenance.until(0).then(edits, positions), (), 0)
