"""The column beside a view of clusters: what they stand on, which fire most, and what outlines mean."""

from llmri_look import words
from llmri_look.colours import palette
from llmri_look.colours.theme import Colour, blend
from llmri_viewer import views
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.model.clusters import cluster_words
from llmri_viewer.model.clusters.atlas import Atlas, chosen_clusters
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.state import ViewState
from llmri_viewer.views import legend
from llmri_viewer.views.legend import ROW
from llmri_viewer.views.picture import Picture

SIGN = 3 * UNIT
"""Pixels for an outline beside its words."""
NUMBER = 5 * UNIT
FULL = 3  # mean |z| of a bar that fills its row
TICK = 3  # pixels
BAR = 0.3  # of a cluster's colour in its bar, so that words can be read on it


SCALE = "mean |z| at this token"
QUOTED = "“ ”: what it fires most on"
DASHED = "dashed: below null"


def draw(canvas: Canvas, state: ViewState, picture: Picture | None) -> None:
    """Write provenance, counts, the most active clusters and warnings, as far as there is room."""
    box, atlas = legend.column(state), state.atlas
    if box is None or atlas is None:
        return
    _facts(canvas, box, atlas)
    if views.of(state).packs:
        _outlines(canvas, box, atlas, legend.FACTS * ROW + UNIT)
    _ranked(canvas, state, atlas, picture)
    _notes(canvas, state, atlas)


def _facts(canvas: Canvas, box: Box, atlas: Atlas) -> None:
    made = atlas.clustering.provenance
    measure = "" if made.measure == "pearson" else f", {made.measure}"
    facts = (
        ("distance", f"{made.distance}{measure}"),
        ("linkage", made.method),
        ("samples", words.count(made.samples, "scan")),
        ("", f"of {words.count(made.turns, 'turn')}"),
    )
    for number, (name, value) in enumerate(facts):
        row = box.row(number * ROW, ROW)
        if row.bottom > box.bottom:
            return
        canvas.text(row, name, colour=canvas.theme.dim)
        canvas.text(Box(row.x + 8 * UNIT + 4, row.y, row.width - 8 * UNIT - 4, ROW), value)


def _outlines(canvas: Canvas, box: Box, atlas: Atlas, top: int) -> None:
    """Explain whole and dashed outlines with their counts."""
    theme = canvas.theme
    below = len(atlas.below_null)
    for count, name, dashed in (
        (len(atlas.clustering.clusters) - below, "above null", False),
        (below, "below null", True),
    ):
        row = box.row(top, ROW)
        if row.bottom > box.bottom:
            return
        canvas.ring((row.x + UNIT, row.y + ROW // 2), 7, theme.text, dashed=dashed)
        canvas.text(Box(row.x + SIGN, row.y, row.width - SIGN, ROW), name)
        canvas.text(row, str(count), face="mono", align="right")
        top += ROW


def _ranked(canvas: Canvas, state: ViewState, atlas: Atlas, picture: Picture | None) -> None:
    """List the clusters that fire most in the reply; a bar behind each shows it at the shown token."""
    heading, ranking = legend.heading(state), state.clusters.ranking
    if heading is None or ranking is None:
        return
    at = None if state.overlays.help else state.window.pointer
    _heading(canvas, heading, f"active in {ranking.where}", pointed=at is not None and heading.holds(*at))
    plain = picture is not None and not state.look.difference and ranking.atlas is atlas
    scale = legend.scale(state)
    now = ranking.now(picture.values) if plain and scale and picture is not None else None
    pointed = legend.cluster_at(state, at) if at else None
    selected = chosen_clusters(atlas, state.selection.units)
    for number, row in legend.rows(state):
        if number == pointed:
            canvas.fill(row, canvas.theme.raised, 4)
        if now is not None:
            _bar(canvas, row, number, now[atlas.row_of[number]])
        ink = canvas.theme.accent if number in selected else canvas.theme.text
        _name(canvas, row, atlas, number, ink)
        canvas.text(row, f"{ranking.of(number):.2f}", face="mono", align="right", colour=ink)
    if now is not None and scale is not None:
        _scale(canvas, _barred(scale))


def _heading(canvas: Canvas, row: Box, what: str, *, pointed: bool) -> None:
    """Write what the order is; a click here selects the first of it."""
    if pointed:
        canvas.fill(row, canvas.theme.raised, 4)
    ink = canvas.theme.text if pointed else canvas.theme.dim
    left = Box(row.x, row.y, row.width - canvas.width("mean |z|") - UNIT, ROW)
    canvas.text(left, what, colour=ink)
    canvas.text(row, "mean |z|", colour=ink, align="right")


def _bar(canvas: Canvas, row: Box, number: int, z: float) -> None:
    """Show how much a cluster fires at the shown token."""
    colour = palette.of_cluster(number, canvas.theme.name)
    room = _barred(row)
    bar = Box(room.x, row.y + 1, round(min(1.0, z / FULL) * room.width), ROW - 2)
    canvas.fill(bar, blend(colour, canvas.theme.background, BAR))


def _barred(row: Box) -> Box:
    """Return the part of a row that bars have."""
    return Box(row.x + SIGN - 3, row.y, row.width - SIGN + 3, row.height)


def _scale(canvas: Canvas, box: Box) -> None:
    """Draw the axis of the bars over it."""
    ink = canvas.theme.dim
    canvas.line((box.x, box.y), (box.right - 1, box.y), ink)
    for value in range(FULL + 1):
        x = box.x + round(value / FULL * (box.width - 1))
        canvas.line((x, box.y), (x, box.y + TICK), ink)
    canvas.text(box, "0", face="mono", colour=ink)
    canvas.text(box.inset(2 * UNIT + 2, 0), SCALE, colour=ink, align="centre")
    canvas.text(box, f"{FULL}+", face="mono", colour=ink, align="right")


def _name(canvas: Canvas, row: Box, atlas: Atlas, number: int, ink: Colour) -> None:
    colour = palette.of_cluster(number, canvas.theme.name)
    canvas.ring((row.x + UNIT, row.y + ROW // 2), 6, colour, dashed=number in atlas.below_null)
    label = cluster_words.cluster_name(atlas.clustering.cluster(number))
    canvas.text(Box(row.x + SIGN, row.y, row.width - SIGN - NUMBER, ROW), label, colour=ink)


def _notes(canvas: Canvas, state: ViewState, atlas: Atlas) -> None:
    """Write what else a reader should know."""
    rest, made = legend.notes(state), atlas.clustering.provenance
    top = 0
    for sentence in _sentences(atlas, state, listed=bool(legend.rows(state))):
        if rest is None or top + ROW > rest.height:
            return
        room = Box(rest.x, rest.y + top, rest.width, rest.height - top)
        warns = sentence in made.warnings
        if not warns and canvas.lines(sentence, room.width) * ROW > room.height:
            return  # half of it would say nothing
        ink = canvas.theme.warning if warns else canvas.theme.dim
        top += canvas.paragraph(room, sentence, ROW, colour=ink) + UNIT // 2


def _sentences(atlas: Atlas, state: ViewState, *, listed: bool) -> list[str]:
    made = atlas.clustering.provenance
    missing = int((~atlas.clustering.active).sum())
    sentences = list(made.warnings)
    if listed:
        sentences.append(QUOTED)
        sentences += [DASHED] if not views.of(state).packs and atlas.below_null else []
    if missing:
        fate = "not drawn" if views.of(state).packs else "in no cluster"
        sentences.append(f"{words.count(missing, 'unit')} {fate}: constant or left out")
    return sentences + [f"left out: {what}" for what in made.left_out]
