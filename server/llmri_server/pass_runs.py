"""How the positions of a conversation were computed: under which edits, and what those were based on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from llmri_protocol.messages import Edit


class Applied(NamedTuple):
    """The edits of a pass, and the revision of the journal that they are."""

    edits: tuple[Edit, ...] = ()
    revision: int = 0


@dataclass(frozen=True)
class PassRun:
    """Consecutive positions of a conversation, up to `stop`, that were computed alike.

    Attributes:
        stop: The first position behind them.
        edits: Those that stood.
        revision: What the journal calls these.
        prompt: How many first positions were the turn's prompt; what comes behind was a pass a position.
            None where all of the conversation was read again as prompt.
        conversation: The tokens that means were taken over, where an edit asks for it; else none.
    """

    stop: int
    edits: tuple[Edit, ...]
    revision: int
    prompt: int | None
    conversation: tuple[int, ...] = ()


Runs = tuple[PassRun, ...]


class PassLog:
    """The runs of the conversation that is kept, as passes add to them; belongs to the model's thread."""

    def __init__(self) -> None:
        self._runs: list[PassRun] = []
        self._applied: tuple[tuple[Edit, ...], int, int | None] | None = None
        self._length = 0
        self._prompt: int | None = None
        self._conversation: tuple[int, ...] = ()

    @property
    def runs(self) -> Runs:
        """What is known of each position."""
        self._settle()
        return tuple(self._runs)

    def turn(self, shared: int, prompt: Sequence[int]) -> None:
        """Begin a turn with this prompt, of which so many first positions are kept."""
        self._settle()
        self._runs = list(until(tuple(self._runs), shared))
        self._length = shared
        self._prompt, self._conversation = len(prompt), tuple(prompt)
        self._applied = None

    def add(self, edits: tuple[Edit, ...], revision: int, positions: int) -> None:
        """Learn that so many further positions were computed under these edits."""
        now = self._applied
        if now is None or now[0] is not edits or now[1] != revision:
            self._settle()
            self._applied = (edits, revision, self._prompt)
        self._length += positions

    def renew(self, edits: tuple[Edit, ...], revision: int, ids: Sequence[int]) -> None:
        """Learn that all positions were computed anew under these edits, all of them as prompt."""
        self._runs = [PassRun(len(ids), edits, revision, None, _based(edits, tuple(ids)))]
        self._applied, self._length = None, len(ids)

    def _settle(self) -> None:
        """Write down the run that is going on."""
        done = self._runs[-1].stop if self._runs else 0
        if self._applied is not None and self._length > done:
            edits, revision, prompt = self._applied
            self._runs.append(
                PassRun(self._length, edits, revision, prompt, _based(edits, self._conversation))
            )
            self._applied = None if self._prompt is None else self._applied


def until(runs: Runs, length: int) -> Runs:
    """Return the runs of the first positions."""
    starts = (0, *(run.stop for run in runs))
    return tuple(
        replace(run, stop=min(run.stop, length))
        for start, run in zip(starts, runs, strict=False)
        if start < length
    )


def chunks(runs: Runs, length: int, largest: int) -> Iterator[tuple[int, int, PassRun]]:
    """Yield the first `length` positions in pieces of one run each, none across the end of a prompt.

    Args:
        runs: What is known of them.
        length: How many.
        largest: Most positions of a piece.
    """
    start = 0
    for run in until(runs, length):
        edge = run.stop if run.prompt is None else min(max(run.prompt, start), run.stop)
        for first, stop in ((start, edge), (edge, run.stop)):
            for here in range(first, stop, largest):
                yield here, min(here + largest, stop), run
        start = run.stop


def as_computed(run: PassRun, start: int, stop: int) -> tuple[Edit, ...]:
    """Return the edits that do to these positions, read in one pass, what the run's did to them.

    In the run the `last` positions of passes were the prompt's last and each after it.
    """
    return tuple(
        edit if edit.positions != "last" else msgspec.structs.replace(edit, positions=_last(run, start, stop))
        for edit in run.edits
        if edit.positions != "last" or _last(run, start, stop)
    )


def _last(run: PassRun, start: int, stop: int) -> tuple[int, ...]:
    if run.prompt is None:
        return ()
    return tuple(range(max(start, run.prompt - 1), stop))


def _based(edits: tuple[Edit, ...], conversation: tuple[int, ...]) -> tuple[int, ...]:
    """Return the conversation where means are taken over it."""
    over = any(edit.operation.averaged and edit.baseline == "conversation" for edit in edits)
    return conversation if over else ()
