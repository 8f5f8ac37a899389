"""Which edits the shown token was computed under, in words, apart from those that stand now."""

from llmri_look.words import count
from llmri_viewer.model.history.revisions import Under
from llmri_viewer.model.state import ViewState

STALE = "earlier tokens keep older edits"
REREAD = "{cache.reread} reads all anew"
TRAINED = "None: the model runs as it was trained."


def at_token(under: Under) -> tuple[str, bool]:
    """Head the edits that the shown token was computed under for certain; tell whether that is known."""
    if not under.certain:
        return "at this token: changing", False
    if under.edits is None:
        return f"at this token: {'not kept' if under.newest.let_go else 'unknown'}", False
    return f"at this token: {len(under.edits) or 'none'}", True


def now(state: ViewState) -> str:
    """Head the edits that stand now."""
    return f"now: {len(state.editing.standing.edits) or 'none'}"


def without(state: ViewState) -> str:
    """Say what there is to say where no edit stands: as it was trained only where nothing older is left."""
    if not stale(state):
        return TRAINED
    return f"None now; {REREAD}" if cured_by_rereading(state) else "None now."


def cured_by_rereading(state: ViewState) -> bool:
    """Tell whether there is something to read anew, and this window may ask for it."""
    return state.editing.standing.stale and not state.connection.read_only


def stale(state: ViewState) -> bool:
    """Tell whether keys and values come from other edits, now or when the shown token was read."""
    return state.editing.standing.stale or (state.time.at is not None and state.time.under.stale)


def brief(state: ViewState) -> str:
    """Say it where there is no panel for it; empty where there is nothing to say."""
    stand = len(state.editing.standing.edits)
    if not state.apart:
        older = ", older ones kept" if stale(state) else ""
        return f"{count(stand, 'edit') if stand else 'no edit'}{older}" if stand or older else ""
    return f"{here(state.time.under)} here, {stand or 'none'} now"


def here(under: Under) -> str:
    """Say in few words which edits something was computed under."""
    if not under.certain:
        return "edits changing"
    if under.edits is None:
        return "edits not kept" if under.newest.let_go else "edits unknown"
    return count(len(under.edits), "edit") if under.edits else "no edit"
