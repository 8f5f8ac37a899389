"""Commands that move through the tokens of the conversation."""

from dataclasses import dataclass, replace

from llmri_viewer.commands.base import Step, told
from llmri_viewer.state import ViewState
from llmri_viewer.store import Moment, ScanStore


@dataclass(frozen=True)
class MoveToken:
    """Show the scanned token before (-1) or after (+1) the shown one, and stop following."""

    step: int

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        at = store.step(state.at, state.site, self.step) if state.at else None
        if at is None:
            return told(state, "no earlier scan is kept" if self.step < 0 else "this is the newest scan")
        return Step(replace(state, at=at, paused=True))


@dataclass(frozen=True)
class GoToToken:
    """Show a token of the shown turn, or the nearest scanned one, and stop following."""

    token: int

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        scanned = store.moments(state.at.turn, state.site) if state.at else []
        if state.at is None or not scanned:
            return told(state, "this turn has no scans to go to")
        nearest = min(scanned, key=lambda token: abs(token - self.token))
        return Step(replace(state, at=Moment(state.at.turn, nearest), paused=True))


@dataclass(frozen=True)
class TogglePause:
    """Hold the picture, or go to the newest scan and follow."""

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        if not state.paused:
            return Step(replace(state, paused=True))
        return Step(replace(state, paused=False, at=store.newest(state.site) or state.at))
