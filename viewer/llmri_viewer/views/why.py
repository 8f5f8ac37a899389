"""Why a view has no picture, and what to do next.

A command's name in braces stands for its key; `Bindings.spelled` puts that in where the words are drawn.
"""

from llmri_look import words
from llmri_protocol.bundled import BUNDLED, KNOWS
from llmri_protocol.messages import ModelCard
from llmri_viewer.model.history.store import ScanStore, Turn
from llmri_viewer.model.state import Link, ViewState
from llmri_viewer.views.picture import Words


def why_no_picture(state: ViewState, store: ScanStore, *, of_clusters: bool) -> Words:
    """Return a headline and a sentence for a view without a picture; `of_clusters` as `View` has it."""
    if state.connection.link.link is Link.REFUSED:
        return "No connection", f"{_sentence(state.connection.link.sentence)} {{program.quit}} quits."
    if state.connection.card is None:
        return _why_no_server(state)
    if not state.pane.site:
        return (
            "Nothing to look at",
            f"{state.connection.card.name} offers no site of its blocks to read from.",
        )
    if state.atlas is None and of_clusters:
        return _why_no_clusters(state)
    return _why_no_values(state, store, state.connection.card)


def _why_no_server(state: ViewState) -> Words:
    if state.connection.link.link is Link.WAITING:
        return (
            "Waiting for a server",
            f"{_sentence(state.connection.link.sentence)} `llmri serve` starts one; {{program.quit}} quits.",
        )
    return "Connecting", _sentence(state.connection.link.sentence)


def _why_no_clusters(state: ViewState) -> Words:
    if state.clusters.job is not None:
        return "Building clusters", f"{_sentence(state.clusters.job.step)} {{view.out}} stops it."
    if state.clusters.misfit:
        return (
            "These clusters are of another model",
            f"{_sentence(state.clusters.misfit)} {{clusters.build}} builds this model's, "
            "{view.out} goes back to the grid.",
        )
    got = state.clusters.gathered
    if got.enough:
        return (
            "Clusters can be built",
            f"{words.count(got.samples, 'scan')} of {got.site} came so far. {{clusters.build}} builds them "
            f"of {words.layers(got.layers)}{_too_many(state)}, {{clusters.build_layer}} of the shown layer.",
        )
    if got.needed:
        return (
            "No clusters yet",
            f"They need {got.needed} scans of {state.pane.site}; {got.samples} came so far, of "
            f"{words.layers(got.layers)}{_too_many(state)}. {_more(state)}, or have "
            "`llmri cluster` write a file, and open it with `llmri view --clusters FILE`.",
        )
    return (
        "No clusters yet",
        "`llmri cluster` collects scans from this server and writes a file of clusters; "
        "`llmri view --clusters FILE` shows it here.",
    )


def _more(state: ViewState) -> str:
    return (
        "Wait until others talk to the model" if state.connection.read_only else "Go on talking ({chat.open})"
    )


def _too_many(state: ViewState) -> str:
    """Say why not all layers are clustered together, where they are not."""
    card, got = state.connection.card, state.clusters.gathered
    if card is None or len(got.layers) == card.layers:
        return ""
    return f" (all {card.layers} layers together are too many units)"


def _why_no_values(state: ViewState, store: ScanStore, card: ModelCard) -> Words:
    if state.time.at is None and not any(turn.sheets for turn in store.turns.values()):
        return (
            f"Connected to {card.name}",
            "It shows here what others say to the model, or somebody types in the server's terminal."
            if state.connection.read_only
            else "Say something to the model: press {chat.open}, or type in the server's terminal."
            + (f" {KNOWS}" if card.name == BUNDLED else ""),
        )
    if state.look.difference and store.scan(state.time.at, state.pane.site):
        return (
            "Nothing to compare with",
            "This is the first scan of the turn. {token.next} goes to the next one; {difference.toggle} "
            "shows the values themselves.",
        )
    if state.time.at is not None and store.let_go(state.time.at, state.pane.site):
        return (
            "This scan was let go",
            f"All that is kept fits {store.budget >> 20} MiB, and the oldest scans go first. "
            "{time.first} goes to the oldest that is kept, {follow.toggle} to the newest.",
        )
    if state.time.at is not None:
        if not store.scanned_turns(state.pane.site):
            return _why_never_scanned(state)
        return (
            f"No scan of {state.pane.site} here",
            "None was taken at this token. {follow.toggle} goes to the newest, {site.next} to another site.",
        )
    return _why_never_scanned(state)


def _why_never_scanned(state: ViewState) -> Words:
    """Say how to get the first scans of a site."""
    then = (
        "when others talk to the model"
        if state.connection.read_only
        else "when you say something ({chat.open})"
    )
    follow = ", and {follow.toggle} goes there" if state.time.paused and state.time.at is not None else ""
    return (
        f"No scans of {state.pane.site} yet",
        "Only the site that is shown is scanned, and only while the model reads and writes. The first scans "
        f"come {then}{follow}; {{site.next}} shows another site.",
    )


def why_wordless(state: ViewState, turn: Turn) -> str:
    """Say why nothing of a turn was read, and how to go on."""
    reason = turn.end.reason if turn.end else ""
    context = f" of {state.connection.card.context} tokens" if state.connection.card else ""
    reasons = {
        "context": (f"what was said is too long for the model's context{context}", "Make it shorter"),
        "stopped": ("it was stopped before the model read it", "Say it again"),
        "error": ("it failed before the model read it", "Say it again"),
    }
    if reason not in reasons:
        return f"Turn {turn.number} was over before this window could see its text."
    why, way = reasons[reason]
    where = {
        state.typing.chat: ": it is in the chat box",
        state.typing.draft: ": {chat.open} has it in the chat box",
    }
    return f"Turn {turn.number} has no reply: {why}. {way}{where.get(turn.prompt, '')}."


def _sentence(said: str) -> str:
    """Return words as a sentence: with a capital, and a full stop at the end."""
    return said[:1].upper() + said[1:].rstrip(".") + "." if said else ""
