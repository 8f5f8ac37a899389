"""The status bar on top: what, where, when."""

from llmri_viewer import views, words
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.face import UNIT
from llmri_viewer.geometry import Box
from llmri_viewer.state import Link, ViewState
from llmri_viewer.store import ScanStore
from llmri_viewer.theme import LARGE, Colour

GAP = 2 * UNIT
FAMILY_FROM = 800  # pixels of width


def draw(canvas: Canvas, box: Box, state: ViewState, store: ScanStore) -> None:
    """Draw the bar; what has no room on the right is cut, the link's state never."""
    theme = canvas.theme
    canvas.fill(box, theme.panel)
    canvas.line((box.x, box.bottom - 1), (box.right, box.bottom - 1), theme.line)
    word, ink = _link_word(canvas, state)
    end = box.right - GAP - canvas.width(word)
    canvas.text(Box(end, box.y, canvas.width(word), box.height), word, colour=ink)
    canvas.dot((end - 1.5 * UNIT, box.y + box.height / 2), 4, ink)
    left = box.x + GAP
    stop = end - 3 * UNIT
    name = state.card.name if state.card else "llmri"
    left += canvas.text(
        Box(left, box.y, max(0, min(stop - left, 320)), box.height), name, size=LARGE, face="bold"
    )
    for part in _parts(state, store):
        if left + 3 * GAP > stop:
            break
        x = left + GAP
        canvas.line((x, box.y + 12), (x, box.bottom - 13), theme.line)
        left = x + GAP
        left += canvas.text(Box(left, box.y, max(0, stop - left), box.height), part)


def _parts(state: ViewState, store: ScanStore) -> list[str]:
    card = state.card
    if card is None:
        return []
    parts = (
        [f"{card.family} {card.layers} {words.TIMES} {card.hidden_size}"]
        if state.size[0] >= FAMILY_FROM
        else []
    )
    parts += [state.site, _where(state, card.layers)]
    if state.at is not None:
        turn = store.turns.get(state.at.turn)
        token = turn.tokens.get(state.at.token) if turn else None
        text = f" “{token.text}”" if token else ""
        parts.append(f"turn {state.at.turn}, token {state.at.token}{text}")
    return parts


def _where(state: ViewState, layers: int) -> str:
    """Name what layers the view shows, of how many."""
    subject = views.of(state).subject(state) if views.of(state).of_clusters else None
    return subject.where if subject else f"layer {state.layer} of 0{words.DASH}{layers - 1}"


def _link_word(canvas: Canvas, state: ViewState) -> tuple[str, Colour]:
    theme = canvas.theme
    if state.link.link is not Link.CONNECTED:
        return {
            Link.CONNECTING: ("connecting", theme.warning),
            Link.WAITING: ("reconnecting", theme.warning),
            Link.REFUSED: ("no connection", theme.warning),
        }[state.link.link]
    return ("paused", theme.warning) if state.paused else ("following", theme.accent)
