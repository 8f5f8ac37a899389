"""The view of what comes next: the likeliest tokens, and what each layer would say."""

from dataclasses import dataclass, replace

import numpy as np

from llmri_look.view_names import ViewName
from llmri_protocol.messages import Candidate, LogitLens, ReadLens
from llmri_protocol.messages import Command as Request
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.measured.measuring import UNNUMBERED, Asked
from llmri_viewer.model.state import Link, ViewState
from llmri_viewer.views.barless import whole
from llmri_viewer.views.base import At, Entry, PlainView
from llmri_viewer.views.table import Column, Table, encoded

NOTE = 3 * UNIT
HEAD = 3 * UNIT  # of the table's columns
LIST_LEAST, LIST_SHARE = 34 * UNIT, 0.34  # the list's width at least, and of the view
CANDIDATES = 5  # asked of each layer
PITCH_LEAST, PITCH_MOST = 18, 34  # pixels a layer


@dataclass(frozen=True)
class LensRows:
    """The rows of layers in sight: `count` of them from `first`, each `pitch` high, under `head`."""

    head: Box
    box: Box
    first: int
    count: int
    pitch: int

    def row(self, layer: int) -> Box:
        """Return a layer's row."""
        return self.box.row((layer - self.first) * self.pitch, self.pitch)


def parts(state: ViewState) -> tuple[Box, Box, Box]:
    """Divide the view in the list, the note over the table, and the table."""
    view = whole(state)
    room = min(view.width, max(LIST_LEAST, round(LIST_SHARE * view.width)))
    left = view.x + room + 3 * UNIT
    right = max(0, view.right - left)
    note = Box(left, view.y, right, NOTE)
    return Box(view.x, view.y, room, view.height), note, Box(left, view.y + NOTE, right, view.height - NOTE)


def lens_rows(state: ViewState) -> LensRows:
    """Return the rows in sight; the shown layer is one of them."""
    box, layers = parts(state)[2], state.connection.card.layers if state.connection.card else 1
    body = Box(box.x, box.y + HEAD, box.width, max(1, box.height - HEAD))
    pitch = max(PITCH_LEAST, min(PITCH_MOST, body.height // layers))
    count = max(1, min(layers, body.height // pitch))
    first = max(0, min(state.pane.layer - count // 2, layers - count))
    return LensRows(box.row(0, HEAD), body.row(0, count * pitch), first, count, pitch)


def leads_from(lens: LogitLens) -> int | None:
    """The first layer whose likeliest token is the last layer's, None where there are no candidates."""
    leaders = {layer.layer: layer.top[0].id for layer in lens.layers if layer.top}
    last = leaders.get(lens.layers[-1].layer) if lens.layers else None
    return next((layer for layer, leader in leaders.items() if leader == last), None)


def _candidates(rows: list[tuple[int, int, Candidate]]) -> dict[str, Column]:
    return {
        "rank": np.asarray([rank for _, rank, _ in rows]),
        "id": np.asarray([each.id for _, _, each in rows]),
        "candidate": np.asarray([each.text for _, _, each in rows]),
        "logprob": np.asarray([each.logprob for _, _, each in rows]),
    }


def is_of_now(asked: Asked, state: ViewState) -> bool:
    """Tell whether something was asked of the shown token under the edits that stand, and these stayed."""
    return not asked.disturbed and asked.at == state.time.at and asked.edits == state.editing.standing.edits


class TokensView(PlainView):
    """What comes next, and how it comes about layer by layer."""

    name: ViewName = "tokens"
    has_units = False
    measures = "lens"

    def entered(self, state: ViewState, _store: ScanStore, /) -> Entry:
        """See `View`: what failed may be asked for again."""
        return Entry(replace(state, measurements=state.measurements.retried("lens")))

    def needs(self, state: ViewState, store: ScanStore, /) -> Request | None:
        """See `View`: the logit lens, where it is not known.

        That is of the token at which time is held, or of a turn's last one: never of each token that comes,
        and never twice at once, or again after a failure.
        """
        if state.time.at is None or state.connection.card is None or not state.connection.card.lens:
            return None
        if state.connection.read_only:
            return None
        turn = store.turns.get(state.time.at.turn)
        if (
            state.connection.link.link is not Link.CONNECTED
            or state.time.replaying
            or turn is None
            or turn.end is None
        ):
            return None
        known = (state.measurements.answers.get("lens"), state.measurements.failures.get("lens"))
        if "lens" in state.measurements.pending or any(
            is_of_now(each.asked, state) for each in known if each
        ):
            return None
        return ReadLens(id=UNNUMBERED, turn=state.time.at.turn, token=state.time.at.token, most=CANDIDATES)

    def table(self, state: ViewState, store: ScanStore, /) -> Table | None:
        """See `View`: the candidates for the token after the shown one, then what each layer would say."""
        turn = store.turns.get(state.time.at.turn) if state.time.at else None
        came = turn.tokens.get(state.time.at.token + 1) if turn and state.time.at else None
        rows = [(-1, rank, each) for rank, each in enumerate(came.top)] if came else []
        given = len(rows)
        lens = state.measurements.answer(LogitLens)
        if lens is not None and is_of_now(lens[0], state):
            rows += [(each.layer, rank, top) for each in lens[1].layers for rank, top in enumerate(each.top)]
        if not rows:
            return None
        chosen = np.asarray([bool(came) and each.id == (came.id if came else -1) for _, _, each in rows])
        columns = {
            "layer": np.asarray([layer for layer, _, _ in rows]),
            **_candidates(rows),
            "chosen": chosen,
        }
        entropy = came.entropy if came and came.entropy is not None else float("nan")
        read = {"lens_edits": encoded(lens[0].edits)} if lens is not None and len(rows) > given else {}
        return Table(columns, {"entropy": entropy, **read})

    def title(self, _state: ViewState, /) -> tuple[str, str]:
        """See `View`."""
        return "Next token", "and what each layer would say (logit lens)"

    def layer_at(self, state: ViewState, at: At, /) -> int | None:
        """See `View`."""
        rows = lens_rows(state)
        if state.connection.card is None or not state.connection.card.lens or not rows.box.holds(*at):
            return None
        return rows.first + int(at[1] - rows.box.y) // rows.pitch


VIEWS = (TokensView(),)
