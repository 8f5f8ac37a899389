"""When an edit acts at a position, and how strongly."""

from dataclasses import dataclass
from typing import Self

from llmri_protocol.messages import Edit, PositionKind, Schedule


@dataclass(frozen=True)
class Conditions:
    """The conditions of an edit; all of them hold together."""

    positions: PositionKind | frozenset[int] = "all"
    since: int = 0
    special: bool = True
    schedule: Schedule | None = None

    @classmethod
    def of(cls, edit: Edit) -> Self:
        """Return the conditions of an edit."""
        kind = edit.positions if isinstance(edit.positions, str) else frozenset(edit.positions)
        return cls(kind, edit.since or 0, edit.special, edit.schedule)

    def at(self, number: int, decides: int, *, last: bool) -> float:
        """Return the strength at one position, from 0 to 1, whatever token stands there.

        Args:
            number: The position in the conversation.
            decides: Which of the reply's tokens is decided there, from 0; negative where none is.
            last: Whether it is the newest position of its pass, and not inside a prompt of more passes.
        """
        if number < self.since or not self._is_among(number, decides, last=last):
            return 0.0
        if self.schedule is None:
            return 1.0
        step = decides - self.schedule.first
        if step < 0 or (self.schedule.tokens is not None and step >= self.schedule.tokens):
            return 0.0
        return min(1.0, (step + 1) / self.schedule.ramp) if self.schedule.ramp else 1.0

    def _is_among(self, number: int, decides: int, *, last: bool) -> bool:
        match self.positions:
            case "all":
                return True
            case "prompt":
                return decides <= 0
            case "generated":
                return decides > 0
            case "last":
                return last
        return number in self.positions
