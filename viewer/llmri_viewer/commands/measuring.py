"""Commands that have the server measure something, and show what it found."""

from dataclasses import dataclass, replace

from llmri_protocol.messages import Compare
from llmri_viewer.commands.base import Step, Touching, refused
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.measured.measuring import UNNUMBERED
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.compare import most_scroll
from llmri_viewer.views.influence import asked_of


@dataclass(frozen=True)
class MeasureAgain(Touching):
    """Measure what the present selection does."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        site = state.site_card
        if not state.selection.units:
            return refused(state, "no unit is selected; select some first")
        if site is not None and not site.editable:
            return refused(
                state, f"units at {site.name} cannot be edited, so what they do cannot be measured"
            )
        if not state.attended:
            return refused(state, "nothing was said yet that their influence could be measured on")
        if "influence" in state.measurements.pending:
            return refused(state, "the influence is being measured; wait for it, or stop it")
        return Step(state, asked_of(state))


@dataclass(frozen=True)
class CompareAgain(Touching):
    """Reply to the last prompt anew, without and with the edits that stand now."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        if not state.editing.standing.edits:
            return refused(state, "no edit stands: both replies would be the same")
        if not state.attended:
            return refused(state, "nothing was said yet that could be replied to again")
        if "comparison" in state.measurements.pending:
            return refused(state, "the replies are being written; wait for them, or stop it")
        return Step(replace(state, pane=replace(state.pane, scroll=0)), (Compare(id=UNNUMBERED),))


@dataclass(frozen=True)
class Scroll:
    """Scroll compared replies down by so many lines, within their length."""

    lines: int

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        most = most_scroll(state)
        return Step(
            replace(
                state,
                pane=replace(state.pane, scroll=max(0, min(min(state.pane.scroll, most) + self.lines, most))),
            )
        )
