"""Under which edits the kept keys and values were computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from llmri_protocol.messages import Edit
from llmri_server.edits.resolution import resolve

BEFORE_KEYS = "resid_pre"  # the only site that the keys and values of its own layer are computed from

_Effect = Mapping[object, object]


@dataclass(frozen=True)
class _Run:
    """Consecutive positions, up to `stop`, that were computed under the same edits."""

    stop: int
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Provenance:
    """The edits behind each kept position of a model with so many layers; a value."""

    layers: int
    runs: tuple[_Run, ...] = ()

    @property
    def length(self) -> int:
        """How many positions there are."""
        return self.runs[-1].stop if self.runs else 0

    def then(self, edits: tuple[Edit, ...], positions: int) -> "Provenance":
        """Add positions at the end."""
        stop = self.length + positions
        earlier = self.runs[:-1] if self.runs and self.runs[-1].edits is edits else self.runs
        return replace(self, runs=(*earlier, _Run(stop, edits)))

    def until(self, length: int) -> "Provenance":
        """Drop the positions from `length` on."""
        starts = (0, *(run.stop for run in self.runs))
        kept = [
            replace(run, stop=min(run.stop, length))
            for start, run in zip(starts, self.runs, strict=False)
            if start < length
        ]
        return replace(self, runs=tuple(kept))

    def differs_from(self, edits: Sequence[Edit]) -> bool:
        """Whether any position would have other keys or values had these edits stood from the start."""
        start = 0
        for run in self.runs:
            if self._effect(run.edits, start, run.stop) != self._effect(edits, start, run.stop):
                return True
            start = run.stop
        return False

    def _effect(self, edits: Sequence[Edit], start: int, stop: int) -> _Effect:
        """Say what each unit obeys, of what can change the keys and values of these positions."""
        effect: dict[object, object] = {}
        for (site, layer), here in resolve(edits).items():
            if layer == self.layers - 1 and site != BEFORE_KEYS:
                continue  # nothing after it has keys or values
            plain = {
                id(edit): _plain(edit, start) for edit in here.units.values() if _meets(edit, start, stop)
            }
            for unit, edit in here.units.items():
                if id(edit) in plain:
                    effect[site, layer, unit] = plain[id(edit)]
            steers = [_plain(steer, start) for steer in here.steers if _meets(steer, start, stop)]
            if steers:
                effect[site, layer] = steers
        return effect


def _meets(edit: Edit, start: int, stop: int) -> bool:
    """Whether the edit may act at one of these positions."""
    if (edit.since or 0) >= stop:
        return False
    return isinstance(edit.positions, str) or any(start <= position < stop for position in edit.positions)


def _plain(edit: Edit, start: int) -> Edit:
    """Return the edit without what says nothing of its effect on one unit from `start` on."""
    since = edit.since if (edit.since or 0) > start else None
    return msgspec.structs.replace(edit, units=(), since=since)


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
