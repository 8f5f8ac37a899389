"""The view of what comes next: the likeliest tokens, and what each layer would say."""

from dataclasses import dataclass

from llmri_protocol.messages import LogitLens
from llmri_viewer.model.layout.face import UNIT
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.barless import whole
from llmri_viewer.views.base import At, PlainView

NOTE = 3 * UNIT
HEAD = 3 * UNIT  # of the table's columns
LIST_LEAST, LIST_SHARE = 34 * UNIT, 0.34  # the list's width at least, and of the view
PITCH_LEAST, PITCH_MOST = 18, 34  # pixels a layer


@dataclass(frozen=True)
class Table:
    """The rows of layers in sight: `count` of them from `first`, each `pitch` high, under `head`."""

    head: Box
    box: Box
    first: int
    count: int
    pitch: int

    def row(self, layer: int) -> Box:
        """Give a layer's row."""
        return self.box.row((layer - self.first) * self.pitch, self.pitch)


def parts(state: ViewState) -> tuple[Box, Box, Box]:
    """Divide the view in the list, the note over the table, and the table."""
    view = whole(state)
    room = min(view.width, max(LIST_LEAST, round(LIST_SHARE * view.width)))
    left = view.x + room + 3 * UNIT
    right = max(0, view.right - left)
    note = Box(left, view.y, right, NOTE)
    return Box(view.x, view.y, room, view.height), note, Box(left, view.y + NOTE, right, view.height - NOTE)


def table(state: ViewState) -> Table:
    """Give the rows in sight; the shown layer is one of them."""
    box, layers = parts(state)[2], state.card.layers if state.card else 1
    body = Box(box.x, box.y + HEAD, box.width, max(1, box.height - HEAD))
    pitch = max(PITCH_LEAST, min(PITCH_MOST, body.height // layers))
    count = max(1, min(layers, body.height // pitch))
    first = max(0, min(state.layer - count // 2, layers - count))
    return Table(box.row(0, HEAD), body.row(0, count * pitch), first, count, pitch)


def leads_from(lens: LogitLens) -> int | None:
    """Give the first layer whose likeliest token is the last layer's, None where there are no candidates."""
    leaders = {layer.layer: layer.top[0].id for layer in lens.layers if layer.top}
    last = leaders.get(lens.layers[-1].layer) if lens.layers else None
    return next((layer for layer, leader in leaders.items() if leader == last), None)


class TokensView(PlainView):
    """What comes next, and how it comes about layer by layer."""

    def title(self, _state: ViewState, /) -> tuple[str, str]:
        """See `View`."""
        return "Next token", "and what each layer would say (logit lens)"

    def layer_at(self, state: ViewState, at: At, /) -> int | None:
        """See `View`."""
        rows = table(state)
        if state.card is None or not state.card.lens or not rows.box.holds(*at):
            return None
        return rows.first + int(at[1] - rows.box.y) // rows.pitch
