"""Commands to the program itself."""

from dataclasses import dataclass, replace

from llmri_viewer.commands.base import Silent, Step
from llmri_viewer.commands.effects import ExportShown, SaveShot, ToggleRecording
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.state import ViewState


@dataclass(frozen=True)
class ToggleHelp:
    """Show the keys from the first page on, or hide them."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(
            replace(state, overlays=replace(state.overlays, help=not state.overlays.help, help_page=0))
        )


@dataclass(frozen=True)
class TurnHelpPage:
    """Turn so many pages of the keys; how many there are is a matter of the window's size."""

    step: int

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(
            replace(state, overlays=replace(state.overlays, help_page=state.overlays.help_page + self.step))
        )


@dataclass(frozen=True)
class ToggleTimings:
    """Show in the status bar how long frames take, or no more."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, overlays=replace(state.overlays, timings=not state.overlays.timings)))


@dataclass(frozen=True)
class TakeShot:
    """Have the picture saved once it is drawn."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(state, effects=(SaveShot(),))


@dataclass(frozen=True)
class Export:
    """Have the shown values saved, and the picture beside them."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(state, effects=(ExportShown(),))


@dataclass(frozen=True)
class Record:
    """Begin to record a film of the window, or end it."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(state, effects=(ToggleRecording(),))


@dataclass(frozen=True)
class MovePointer(Silent):
    """The pointer is elsewhere; None when it left the window."""

    at: tuple[int, int] | None

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, window=replace(state.window, pointer=self.at)))


@dataclass(frozen=True)
class Quit:
    """End the program."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, window=replace(state.window, quit=True)))
