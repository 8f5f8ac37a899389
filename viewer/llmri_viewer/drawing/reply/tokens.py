"""What comes next, drawn: the likeliest tokens at the left, the logit lens at the right."""

from llmri_protocol.messages import LogitLens
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.overlays import waiting
from llmri_viewer.drawing.reply import lens_table, likeliest
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.picture import Picture
from llmri_viewer.views.tokens import is_of_now, leads_from, parts

APART = "read under the edits that stand now, not those of this token"
NO_LENS = "This runtime offers no logit lens: it cannot read what a layer would say."


def draw(
    canvas: Canvas, state: ViewState, store: ScanStore, _picture: Picture | None, why: waiting.Why
) -> None:
    """Draw it."""
    if state.connection.card is None or state.time.at is None:
        waiting.say(canvas, window_parts.of(state.window.size).view, *why())
        return
    left, note, right = parts(state)
    found = state.measurements.answer(LogitLens)
    lens = found[1] if found and is_of_now(found[0], state) else None
    likeliest.draw(canvas, left, state, store, lens)
    if not state.connection.card.lens:
        canvas.paragraph(
            Box(note.x, note.y, note.width, note.height + right.height), NO_LENS, 20, colour=canvas.theme.dim
        )
        return
    if found is None:
        waiting.measurement(canvas, note, state, "lens", _when(state, store))
        return
    shown = lens or found[1]
    apart = lens is not None and state.apart
    said = APART if apart else _note(shown) if lens else _when(state, store)
    waiting.measurement(canvas, note, state, "lens", said, warns=lens is None or apart)
    lens_table.draw(canvas, state, shown)


def _note(lens: LogitLens) -> str:
    """Say at which layer the answer first leads."""
    layer = leads_from(lens)
    if layer is None:
        return ""
    return f"“{lens.layers[-1].top[0].text}”, the likeliest in the end, first leads at layer {layer}"


def _when(state: ViewState, store: ScanStore) -> str:
    """Say when the layers of the shown token are read."""
    turn = store.turns.get(state.time.at.turn) if state.time.at else None
    if turn is not None and turn.end is None:
        return "the layers are read when the turn is over"
    if state.time.replaying:
        return "the layers are read when time is held"
    return "these are the layers of another token" if state.measurements.answers.get("lens") else ""


PAINTERS = {"tokens": draw}
