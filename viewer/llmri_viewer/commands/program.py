"""Commands to the program itself."""

from dataclasses import dataclass, replace

from llmri_viewer.commands.base import Step
from llmri_viewer.state import ViewState
from llmri_viewer.store import ScanStore


@dataclass(frozen=True)
class ToggleHelp:
    """Show or hide the keys."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, help=not state.help))


@dataclass(frozen=True)
class TakeShot:
    """Have the picture saved once it is drawn."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, shots=state.shots + 1))


@dataclass(frozen=True)
class Point:
    """The pointer is elsewhere; None when it left the window."""

    at: tuple[int, int] | None

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, pointer=self.at))


@dataclass(frozen=True)
class Quit:
    """End the program."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, quit=True))
