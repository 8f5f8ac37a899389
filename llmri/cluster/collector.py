"""What is made of a server's messages: samples, the text around them, and what was left out."""

import numpy as np
import numpy.typing as npt

from llmri_clustering.collecting import Collection
from llmri_clustering.correlation import RunningCorrelation
from llmri_clustering.units import UnitSet
from llmri_protocol.arrays import array_of
from llmri_protocol.messages import Edits, Notice, Scan, ServerMessage, Token, TurnEnd, TurnStart, Welcome

MOST_CORRELATED = 16384  # units: the correlations of all pairs take 2 GB


class Collector(Collection):
    """Takes a server's messages in order, and keeps what a clustering stands on.

    Every sample goes into the running correlation, unless that of so many units would not fit. Of the samples
    themselves a fair choice is kept, for what needs them: labels, stability, the null.

    Args:
        units: Which unit each value of a scan is, layer by layer.
        left_out: Units that do not take part, `[units]`.
        keep: How many samples are kept at most.
        first_tokens: Whether the first token of each sequence counts too.
        announced_only: Whether only turns count that `announce` named.
        seed: Of the choice.

    Attributes:
        correlation: Of all samples so far; None of more than 16,384 units.
    """

    def __init__(
        self,
        units: UnitSet,
        *,
        left_out: npt.NDArray[np.bool_],
        keep: int,
        first_tokens: bool = False,
        announced_only: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(units, left_out=left_out, keep=keep, first_tokens=first_tokens, seed=seed)
        self.correlation = (
            RunningCorrelation(len(units), left_out=left_out, skip_first=0)
            if len(units) <= MOST_CORRELATED
            else None
        )
        self._layers = tuple(dict.fromkeys(units.layer.tolist()))
        self._announced_only = announced_only
        self._groups: dict[int, str] = {}

    def announce(self, turn: int, group: str) -> None:
        """Say what kind of turn a number stands for, before its messages are taken."""
        self._groups[turn] = group

    def leave_out(self, units: npt.NDArray[np.bool_]) -> None:
        """Let more units, `[units]`, not take part: of the samples that came already, too."""
        super().leave_out(units)
        if self.correlation is not None:
            self.correlation.leave_out(units)

    def take(self, message: ServerMessage) -> None:
        """Take the next message."""
        match message:
            case TurnStart(turn=turn):
                counts = turn in self._groups or not self._announced_only
                self.transcript.begin(turn, self._groups.get(turn, ""), counts=counts)
            case Token(turn=turn, token=token, text=text):
                self.transcript.add(turn, token, text)
            case Scan():
                values = self._values(message)
                taken = self.scan(message.turn, message.token, values)
                if taken and values is not None and self.correlation is not None:
                    self.correlation.add(values)
            case TurnEnd(turn=turn):
                self.end(turn)
            case Notice(dropped=dropped):
                self.tally.dropped = max(self.tally.dropped, dropped)
            case Edits(edits=edits) | Welcome(edits=edits):
                self.edited = bool(edits)
            case _:
                pass

    def _values(self, scan: Scan) -> npt.NDArray[np.float32] | None:
        """Return the values of all units, `[units]`, or None where they are not what was asked for."""
        if scan.site != self.units.site or scan.layers != self._layers:
            return None
        return array_of(scan).ravel()
