"""What is made of a server's messages: samples, the text around them, and what was left out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from llmri.cluster.kept import KeptScans
from llmri_clustering.correlation import RunningCorrelation
from llmri_clustering.samples import Samples, TurnText
from llmri_clustering.units import UnitSet
from llmri_protocol.arrays import array_of
from llmri_protocol.messages import Edits, Notice, Scan, ServerMessage, Token, TurnEnd, TurnStart, Welcome


@dataclass
class _Turn:
    """A turn that is heard from its start."""

    group: str
    tokens: list[str] = field(default_factory=list)
    samples: int = 0


@dataclass
class Tally:
    """Scans that did not become samples, by the reason, and what else a reader should know.

    Attributes:
        first_tokens: Scans of first tokens.
        joined: Scans of turns that had begun before.
        others: Scans of turns that somebody else began, where only our own count.
        broken: Scans with a value that is no finite number, or of another shape than was asked for.
        dropped: Scans that the server dropped, because they were not taken fast enough.
        edited: Samples that came while edits stood.
    """

    first_tokens: int = 0
    joined: int = 0
    others: int = 0
    broken: int = 0
    dropped: int = 0
    edited: int = 0


class Collector:
    """Takes a server's messages in order, and keeps what a clustering stands on.

    Every sample goes into the running correlation. Of the samples themselves a fair choice is kept, for
    what needs them: labels, stability, the null.

    Args:
        units: Which unit each value of a scan is, layer by layer.
        left_out: Units that do not take part, `[units]`.
        keep: How many samples are kept at most.
        first_tokens: Whether the first token of each sequence counts too. A turn's token 0 is taken for one:
            some servers read the whole conversation again in every turn.
        announced_only: Whether only turns count that `announce` named.
        seed: Of the choice.

    Attributes:
        correlation: Of all samples so far.
        turns: Turns that gave samples and have ended.
        tally: What did not become a sample.
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
        self.units = units
        self.correlation = RunningCorrelation(len(units), left_out=left_out, skip_first=0)
        self.turns = 0
        self.tally = Tally()
        self._layers = tuple(dict.fromkeys(units.layer.tolist()))
        self._kept = KeptScans(keep, len(units), seed)
        self._first = 0 if first_tokens else 1
        self._announced_only = announced_only
        self._groups: dict[int, str] = {}
        self._heard: dict[int, _Turn] = {}
        self._begun: set[int] = set()
        self._edited = False

    @property
    def count(self) -> int:
        """Give the number of samples so far."""
        return self._kept.seen

    @property
    def kept(self) -> int:
        """Give the number of samples kept of them."""
        return len(self._kept)

    def announce(self, turn: int, group: str) -> None:
        """Say what kind of turn a number stands for, before its messages are taken."""
        self._groups[turn] = group

    def take(self, message: ServerMessage) -> None:
        """Take the next message."""
        match message:
            case TurnStart(turn=turn):
                self._begin(turn)
            case Token(turn=turn, text=text) if turn in self._heard:
                self._heard[turn].tokens.append(text)
            case Scan():
                self._scan(message)
            case TurnEnd(turn=turn) if turn in self._heard and self._heard[turn].samples:
                self.turns += 1
            case Notice(dropped=dropped):
                self.tally.dropped = max(self.tally.dropped, dropped)
            case Edits(edits=edits) | Welcome(edits=edits):
                self._edited = bool(edits)
            case _:
                pass

    def samples(self, groups: Mapping[str, tuple[int, ...]] | None = None) -> Samples:
        """Give the samples kept, in the order they came.

        Args:
            groups: Turns by the name of what they were about, counted from 1 in the order they were heard;
                a turn without samples is not counted.
        """
        values, turn, token = self._kept.in_order()
        counted = {number: heard for number, heard in self._heard.items() if heard.samples}
        order = list(counted)
        named = {
            order[number - 1]: name
            for name, numbers in (groups or {}).items()
            for number in numbers
            if 0 < number <= len(order)
        }
        texts = {
            number: TurnText(tuple(heard.tokens), named.get(number, heard.group))
            for number, heard in counted.items()
        }
        return Samples(values, turn, token, texts)

    def _begin(self, turn: int) -> None:
        self._begun.add(turn)
        if turn in self._groups or not self._announced_only:
            self._heard[turn] = _Turn(self._groups.get(turn, ""))

    def _scan(self, scan: Scan) -> None:
        """Keep a scan, or count it with the others that are left out for the same reason."""
        if scan.turn not in self._begun:
            self.tally.joined += 1
        elif scan.turn not in self._heard:
            self.tally.others += 1
        elif scan.token < self._first:
            self.tally.first_tokens += 1
        elif (values := self._values(scan)) is None:
            self.tally.broken += 1
        else:
            self._heard[scan.turn].samples += 1
            self.tally.edited += self._edited
            self.correlation.add(values)
            self._kept.add(values, scan.turn, scan.token)

    def _values(self, scan: Scan) -> npt.NDArray[np.float32] | None:
        """Give the values of all units, `[units]`, or None where they are not what was asked for."""
        if scan.site != self.units.site or scan.layers != self._layers:
            return None
        values = array_of(scan).ravel()
        return values if values.shape == (len(self.units),) and np.isfinite(values).all() else None
