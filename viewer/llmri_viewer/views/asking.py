"""What a view asks of the server by itself."""

from llmri_protocol.messages import ReadLens
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.measured.measuring import UNNUMBERED, Asked
from llmri_viewer.model.state import Link, ViewState

CANDIDATES = 5


def lens_wanted(state: ViewState, store: ScanStore) -> ReadLens | None:
    """Give the logit lens to ask for where the view of tokens lacks it; None where there is none to ask.

    That is of the token at which time is held, or of a turn's last one: never of each token that comes, and
    never twice at once, or again after a failure.
    """
    if state.view != "tokens" or state.at is None or state.card is None or not state.card.lens:
        return None
    if state.read_only:
        return None
    turn = store.turns.get(state.at.turn)
    if state.link.link is not Link.CONNECTED or state.replaying or turn is None or turn.end is None:
        return None
    known = (state.measurements.answers.get("lens"), state.measurements.failures.get("lens"))
    if "lens" in state.measurements.pending or any(is_of_now(each.asked, state) for each in known if each):
        return None
    return ReadLens(id=UNNUMBERED, turn=state.at.turn, token=state.at.token, most=CANDIDATES)


def is_of_now(asked: Asked, state: ViewState) -> bool:
    """Tell whether something was asked of the shown token under the edits that stand, and these stayed."""
    return not asked.disturbed and asked.at == state.at and asked.edits == state.standing.edits
