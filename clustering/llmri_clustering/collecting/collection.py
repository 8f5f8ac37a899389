"""What a clustering stands on, gathered scan by scan."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from llmri_clustering.collecting.half_samples import HalfSamples
from llmri_clustering.collecting.kept import Kept, KeptScans
from llmri_clustering.collecting.tally import Tally
from llmri_clustering.collecting.transcript import Transcript
from llmri_clustering.samples import Samples, StoredSamples, TurnText
from llmri_clustering.units import UnitSet

SAMPLES_KEPT = 4096  # where nobody says otherwise


class Collection:
    """Takes the scans of some units in order, and keeps a fair choice of those that count.

    Args:
        units: Which unit each value of a scan is.
        left_out: Units that do not take part, `[units]`.
        keep: How many samples are kept at most.
        transcript: The turns; by default one of its own. Collections of several sites share one.
        first_tokens: Whether the first token of each sequence counts too. A turn's token 0 is taken for one:
            some servers read the whole conversation again in every turn.
        read_again: Whether tokens count that a turn only reads again, since they stood in the one before.
        seed: Of the choice.
        half: Keep samples in half precision, 2 bytes a value; `stored_samples` then gives them.

    Attributes:
        transcript: The turns.
        turns: Turns that gave samples and have ended.
        tally: What did not become a sample.
        edited: Whether edits stand, to be told of the samples that come meanwhile.
        edits: Which they are: any number that tells them from others; None where that is not certain.
    """

    def __init__(
        self,
        units: UnitSet,
        *,
        left_out: npt.NDArray[np.bool_],
        keep: int,
        transcript: Transcript | None = None,
        first_tokens: bool = False,
        read_again: bool = True,
        seed: int = 0,
        half: bool = False,
    ) -> None:
        self.units = units
        self.left_out = left_out
        self.transcript = transcript or Transcript()
        self.turns = 0
        self.tally = Tally()
        self.edited = False
        self.edits: int | None = 0
        self._kept = KeptScans(keep, seed, half=half)
        self._first = 0 if first_tokens else 1
        self._read_again = read_again
        self._scanned: dict[int, set[int]] = {}  # tokens of the last two turns
        self._samples_of: Counter[int] = Counter()  # by turn, in the order they were heard

    @property
    def count(self) -> int:
        """Return the number of samples so far."""
        return self._kept.seen

    @property
    def kept(self) -> int:
        """Return the number of samples kept of them."""
        return len(self._kept)

    def scan(self, turn: int, token: int, values: npt.NDArray[np.float32] | None) -> bool:
        """Keep a scan, or count it with the others that are left out for the same reason.

        Args:
            turn: Its turn.
            token: Its token.
            values: `[units]`, which nobody writes to later; None where it has not the shape asked for.

        Returns:
            Whether it is a sample.
        """
        if not self.transcript.begun(turn):
            self.tally.joined += 1
        elif not self.transcript.counts(turn):
            self.tally.others += 1
        elif token < self._first:
            self.tally.first_tokens += 1
        elif not self._read_again and self._known(turn, token):
            self.tally.read_again += 1
        elif values is None or values.shape != (len(self.units),) or not np.isfinite(values).all():
            self.tally.broken += 1
        else:
            self._samples_of[turn] += 1
            self.tally.edited += self.edited
            self.tally.of_edits(self.edits)
            self._kept.add(values, turn, token)
            return True
        return False

    def leave_out(self, units: npt.NDArray[np.bool_]) -> None:
        """Let more units, `[units]`, not take part: of the samples that came already, too."""
        self.left_out = self.left_out | units

    def _known(self, turn: int, token: int) -> bool:
        """Tell whether the token was scanned here in the turn before; from now on it was in this one."""
        self._scanned.setdefault(turn, set()).add(token)
        if len(self._scanned) > 2:  # noqa: PLR2004 - a turn, and the one before
            del self._scanned[next(iter(self._scanned))]
        before = self.transcript.same_before(turn, token)
        return before is not None and token in self._scanned.get(before, ())

    def end(self, turn: int) -> None:
        """End a turn."""
        self.turns += self._samples_of[turn] > 0

    def in_order(self) -> tuple[Kept, ...]:
        """Return the samples kept, in the order they came."""
        return self._kept.in_order()

    def texts(self, groups: Mapping[str, tuple[int, ...]] | None = None) -> dict[int, TurnText]:
        """Return the text of every turn that gave samples.

        Args:
            groups: Turns by the name of what they were about, counted from 1 in the order they were heard;
                a turn without samples is not counted.
        """
        texts = {turn: self.transcript.text(turn) for turn, count in self._samples_of.items() if count}
        order = list(texts)
        for name, numbers in (groups or {}).items():
            for number in numbers:
                if 0 < number <= len(order):
                    texts[order[number - 1]] = replace(texts[order[number - 1]], group=name)
        return texts

    def samples(self, groups: Mapping[str, tuple[int, ...]] | None = None) -> Samples:
        """Return the samples kept as one array, with the texts that `texts` gives."""
        kept = self.in_order()
        values = np.empty((len(kept), len(self.units)), np.float32)
        for row, scan in enumerate(kept):
            values[row] = scan.values
        return Samples(values, *_places(kept), self.texts(groups))

    def stored_samples(self, groups: Mapping[str, tuple[int, ...]] | None = None) -> StoredSamples:
        """Return the samples kept in half precision, not copied, with the texts that `texts` gives.

        Raises:
            ValueError: There are none, or they are not kept in half precision.
        """
        kept = self.in_order()
        values = HalfSamples.of_kept(kept, self._kept.witnesses)
        return StoredSamples(values, *_places(kept), self.texts(groups))


def _places(kept: Sequence[Kept]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the turn and the token of each scan, `[scans]` each."""
    turn = np.array([scan.turn for scan in kept], np.int32)
    token = np.array([scan.token for scan in kept], np.int32)
    return turn, token
