"""What is made of a server's messages: samples, the text around them, and what it came to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_clustering.collecting import Collection, plural
from llmri_clustering.correlation import RunningCorrelation
from llmri_clustering.samples import Samples
from llmri_clustering.units import UnitSet
from llmri_protocol.arrays import array_of
from llmri_protocol.messages import Edits, Notice, Scan, ServerMessage, Token, TurnEnd, TurnStart, Welcome

BY_USER = "you ended it"
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


@dataclass(frozen=True, eq=False)
class Collected:
    """Samples, and where they come from.

    Attributes:
        model: The model's name.
        units: Which unit each value of a sample is.
        samples: Those kept.
        correlation: Of all samples, also of those not kept; None of too many units.
        protected: Units that do not take part, `[units]`.
        left_out: What was left out, in words.
        warnings: What a reader should know, one sentence each.
        broken_off: Why it ended early though nobody wanted that, as a clause; empty where it did not.
    """

    model: str
    units: UnitSet
    samples: Samples
    correlation: RunningCorrelation | None
    protected: npt.NDArray[np.bool_]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]
    broken_off: str = ""


def collected(
    collector: Collector, model: str, groups: Mapping[str, tuple[int, ...]], ended: str = ""
) -> Collected:
    """Return what a collector has.

    Args:
        collector: It.
        model: The model's name.
        groups: Turns by what they were about, counted from 1 in the order they were heard.
        ended: Why the collection ended early, as a clause; empty where it did not.
    """
    samples = collector.samples(groups)
    return Collected(
        model=model,
        units=collector.units,
        samples=samples,
        correlation=collector.correlation,
        protected=collector.left_out,
        left_out=left_out(collector),
        warnings=(*warnings(collector, ended), *unheard(groups, len(samples.texts))),
        broken_off="" if ended == BY_USER else ended,
    )


def left_out(collector: Collector) -> tuple[str, ...]:
    """Say what was left out, and of how many samples the rest is told."""
    said = list(collector.tally.left_out())
    protected = int(collector.left_out.sum())
    if protected:
        said.append(f"protected units: {protected}")
    if collector.kept < collector.count:
        what = "from labels, stability and null" if collector.correlation is not None else "from everything"
        said.append(f"{what}: all but {collector.kept} of {collector.count} samples, chosen by chance")
    return tuple(said)


def warnings(collector: Collector, ended: str) -> tuple[str, ...]:
    """Say what went otherwise than it should, one sentence each."""
    if not ended:
        return collector.tally.warnings()
    turns, samples = plural(collector.turns, "turn"), plural(collector.count, "sample")
    return (f"The collection ended after {turns} and {samples}: {ended}.", *collector.tally.warnings())


def unheard(groups: Mapping[str, tuple[int, ...]], turns: int) -> tuple[str, ...]:
    """Say which turns were named and never came, one sentence a name.

    Args:
        groups: Turns by what they were about, counted from 1.
        turns: How many turns came.
    """
    missing = {name: [turn for turn in named if turn > turns] for name, named in groups.items()}
    return tuple(
        f"Of the turns named {name!r} {len(late)} never came, the first of them turn {late[0]}."
        for name, late in missing.items()
        if late
    )
