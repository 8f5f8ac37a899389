"""Commands that have the server measure something, and show what it found."""

from dataclasses import dataclass, replace

from llmri_protocol.messages import Compare, Comparison, MeasureInfluence
from llmri_viewer.commands.base import Step, Touching, told
from llmri_viewer.commands.clusters import ShowView
from llmri_viewer.commands.edit import edits_of
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.measured.measuring import UNNUMBERED
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.compare import most_scroll
from llmri_viewer.views.values.influence_map import is_measured


@dataclass(frozen=True)
class ShowInfluence:
    """Show what the selection does to later layers, measured where it can be; or go back to the grid."""

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        step = ShowView("influence").apply(state, store)
        if step.state.view == "grid" or "influence" in state.measurements.pending:
            return step
        return step if is_measured(state) else _measured(step.state)


@dataclass(frozen=True)
class MeasureAgain(Touching):
    """Measure what the present selection does."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        site = state.site_card
        if not state.selection:
            return told(state, "no unit is selected; select some first")
        if site is not None and not site.editable:
            return told(state, f"units at {site.name} cannot be edited, so what they do cannot be measured")
        if not state.attended:
            return told(state, "nothing was said yet that their influence could be measured on")
        if "influence" in state.measurements.pending:
            return told(state, "the influence is being measured; wait for it, or stop it")
        return _measured(state)


def _measured(state: ViewState) -> Step:
    """Ask for the influence of ablating the selection up to the shown token, where it can be measured."""
    site, at = state.site_card, state.at
    if state.read_only or not state.selection or site is None or not site.editable or at is None:
        return Step(state)
    edits = edits_of(state, 0.0)
    request = MeasureInfluence(id=UNNUMBERED, edits=edits, site=state.site, turn=at.turn, token=at.token)
    return Step(state, (request,))


@dataclass(frozen=True)
class ShowComparison:
    """Show the last prompt's reply without and with the edits, side by side; or go back to the grid."""

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        step = ShowView("compare").apply(state, store)
        known = state.measurements.answer(Comparison)
        if step.state.view == "grid" or not state.standing.edits or not state.attended or state.read_only:
            return step
        if "comparison" in state.measurements.pending or (
            known
            and not known[0].disturbed
            and known[0].edits == state.standing.edits
            and known[0].turn == max(store.turns, default=0)
        ):
            return step
        return replace(step, state=replace(step.state, scroll=0), requests=(Compare(id=UNNUMBERED),))


@dataclass(frozen=True)
class CompareAgain(Touching):
    """Reply to the last prompt anew, without and with the edits that stand now."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        if not state.standing.edits:
            return told(state, "no edit stands: both replies would be the same")
        if not state.attended:
            return told(state, "nothing was said yet that could be replied to again")
        if "comparison" in state.measurements.pending:
            return told(state, "the replies are being written; wait for them, or stop it")
        return Step(replace(state, scroll=0), (Compare(id=UNNUMBERED),))


@dataclass(frozen=True)
class Scroll:
    """Scroll compared replies down by so many lines, within their length."""

    lines: int

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        most = most_scroll(state)
        return Step(replace(state, scroll=max(0, min(min(state.scroll, most) + self.lines, most))))
