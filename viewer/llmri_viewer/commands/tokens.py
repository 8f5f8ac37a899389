"""Commands that move through the tokens of the conversation."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from llmri_viewer.commands.base import Step, refused
from llmri_viewer.model.history.store import ScanStore, TokenRef
from llmri_viewer.model.playback import followed, held, replayed
from llmri_viewer.model.state import ViewState


@dataclass(frozen=True)
class MoveToken:
    """Show the scanned token before (-1) or after (+1) the shown one, and stop following."""

    step: int

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        at = store.step(state.time.at, state.pane.site, self.step) if state.time.at else None
        if at is None and not store.scanned_turns(state.pane.site):
            return refused(state, f"no scans of {state.pane.site} are kept yet")
        if at is None:
            return refused(state, "no earlier scan is kept" if self.step < 0 else "this is the newest scan")
        return Step(held(state, store, at))


@dataclass(frozen=True)
class MoveTurn:
    """Show the newest kept token of the turn before (-1) or after (+1) the shown one, and stop following."""

    step: int

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        turns, here = store.scanned_turns(state.pane.site), state.time.at.turn if state.time.at else 0
        place = bisect_left(turns, here) - 1 if self.step < 0 else bisect_right(turns, here)
        if state.time.at is None or not 0 <= place < len(turns):
            return refused(state, "no earlier turn is kept" if self.step < 0 else "this is the newest turn")
        return Step(
            held(state, store, TokenRef(turns[place], store.moments(turns[place], state.pane.site)[-1]))
        )


@dataclass(frozen=True)
class GoToEnd:
    """Show the oldest kept scan (-1), or the newest (+1), and stop following."""

    end: int

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        at = store.oldest(state.pane.site) if self.end < 0 else store.newest(state.pane.site)
        if at is None:
            return refused(state, f"no scans of {state.pane.site} are kept yet")
        return Step(held(state, store, at))


@dataclass(frozen=True)
class GoToMoment:
    """Show a token, or the nearest scanned one, and stop following."""

    moment: TokenRef

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        at = store.nearest(self.moment, state.pane.site)
        if at is None:
            return refused(state, f"no scans of {state.pane.site} are kept yet")
        return Step(held(state, store, at))


@dataclass(frozen=True)
class TogglePause:
    """Hold the picture, or go to the newest scan and follow; a replay is held first."""

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        hold = state.time.replaying or not state.time.paused
        return Step(held(state, store) if hold else followed(state, store))


@dataclass(frozen=True)
class ToggleReplay:
    """Let time run on from the shown token until it has come to the newest, or hold it again."""

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        if state.time.replaying:
            return Step(held(state, store))
        if state.time.at is None or store.nearest(state.time.at, state.pane.site) is None:
            return refused(state, "there is nothing to replay yet")
        return Step(replayed(state, store))
