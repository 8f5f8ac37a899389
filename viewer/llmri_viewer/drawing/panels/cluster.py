"""The side panel's first part while a cluster is selected: what speaks for it, and when it fires."""

from collections.abc import Iterator

from llmri_clustering.clusters import Cluster, TokenLabel
from llmri_look import words
from llmri_look.colours import palette
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.panels.side import HEADING, heading
from llmri_viewer.model.clusters import cluster_words
from llmri_viewer.model.clusters.atlas import Atlas, chosen_clusters
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.state import ViewState

ROW = 19
NUMBER = 9 * UNIT
HEIGHT = HEADING + 20 * ROW + 2 * UNIT
TOKENS, TURNS = 5, 3  # written out at most
Cells = tuple[str, str, str]


def shown(state: ViewState) -> Cluster | None:
    """Return the cluster that the panel is about: the one selected last, or else the lowest."""
    atlas = state.atlas
    if atlas is None:
        return None
    whole = chosen_clusters(atlas, state.selection.units)
    number = state.selection.picked if state.selection.picked in whole else next(iter(whole), None)
    return None if number is None else atlas.clustering.cluster(number)


def draw(canvas: Canvas, box: Box, state: ViewState, atlas: Atlas, cluster: Cluster) -> None:
    """Draw as many rows as there is room for, the boost amount in the last."""
    others = len(chosen_clusters(atlas, state.selection.units)) - 1
    note = f"and {words.count(others, 'other')}" if others else ""
    body = heading(canvas, box, "", note, first=True)
    colour = palette.of_cluster(cluster.number, canvas.theme.name)
    canvas.ring((body.x + UNIT, box.y + HEADING // 2), 7, colour, dashed=not cluster.real)
    title = Box(body.x + 3 * UNIT, box.y, body.width // 2, HEADING)
    canvas.text(title, f"Cluster {cluster.number}", face="bold")
    amount = Box(body.x, box.bottom - ROW - UNIT // 2, body.width, ROW)
    canvas.text(amount, "boost amount", colour=canvas.theme.dim)
    canvas.text(amount, words.factor(state.editing.amount), face="mono", align="right")
    rows = Box(body.x, body.y, body.width, amount.y - body.y)
    top = _evidence(canvas, rows, atlas, cluster)
    top = _when(canvas, rows, top, cluster)
    _selectivity(canvas, rows, top, cluster)


def _evidence(canvas: Canvas, body: Box, atlas: Atlas, cluster: Cluster) -> int:
    """Write size and evidence, each beside its null; give where the next row goes."""
    theme = canvas.theme
    where = words.layers(sorted({layer for layer, _ in atlas.places(cluster.number)}))
    canvas.text(body.row(0, ROW), f"{words.count(cluster.units, 'unit')}, {where}")
    verdict, ink = ("above null", theme.text) if cluster.real else ("below null", theme.warning)
    canvas.text(body.row(0, ROW), verdict, colour=ink, align="right")
    _row(canvas, body.row(ROW, ROW), ("", "measured", "null"), dim=True)
    found, null = cluster.evidence, cluster.null
    for line, row in enumerate(
        (
            (
                f"inside {cluster_words.correlation(atlas.clustering.provenance)}",
                words.number(found.inside),
                words.number(null.inside),
            ),
            ("separation", words.number(found.separation), words.number(null.separation)),
            ("stability", words.number(found.stability), words.number(null.stability)),
        ),
        2,
    ):
        _row(canvas, body.row(line * ROW, ROW), row)
    return 5 * ROW + UNIT


def _when(canvas: Canvas, body: Box, top: int, cluster: Cluster) -> int:
    """Write the leading tokens in context and the leading turns; give where the next row goes."""
    theme = canvas.theme
    for number, row in enumerate(_rows(body, top, min(TOKENS, len(cluster.tokens)) + 1)):
        if number == 0:
            canvas.text(row, "fires most on", colour=theme.dim)
            canvas.text(row, "mean |z|", colour=theme.dim, align="right")
        else:
            _token(canvas, row, cluster.tokens[number - 1])
        top += ROW
    if cluster.turns and top + ROW <= body.height:
        turns = ", ".join(str(turn) for turn, _ in cluster.turns[:TURNS])
        row = body.row(top, ROW)
        canvas.text(row, "in turns" if len(cluster.turns) > 1 else "in turn", colour=theme.dim)
        canvas.text(row, turns, face="mono", align="right")
        top += ROW
    return top + UNIT


def _token(canvas: Canvas, row: Box, token: TokenLabel) -> None:
    """Write a token with what stands around it, the token itself bright."""
    theme = canvas.theme
    canvas.text(row, f"{token.z:.2f}", face="mono", align="right")
    room = row.width - 6 * UNIT
    before = canvas.tail(token.before, "mono", room // 3)
    left = row.x
    for text, ink in ((before, theme.dim), (token.text, theme.text), (token.after, theme.dim)):
        place = Box(left, row.y, max(0, row.x + room - left), ROW)
        left += canvas.text(place, text, colour=ink, face="mono") if text else 0


def _selectivity(canvas: Canvas, body: Box, top: int, cluster: Cluster) -> None:
    """Write Hedges' g by group of turns with its interval, the strongest first."""
    theme = canvas.theme
    ranked = sorted(cluster.selectivity.items(), key=lambda pair: -pair[1].size)
    for number, row in enumerate(_rows(body, top, len(ranked) + 1 if ranked else 0)):
        if number == 0:
            canvas.text(row, "selectivity", colour=theme.dim)
            canvas.text(row, "g [95 %]", colour=theme.dim, align="right")
            continue
        group, effect = ranked[number - 1]
        interval = f"{effect.size:+.2f} [{effect.low:+.2f} {effect.high:+.2f}]"
        room = canvas.width(interval, "mono")
        canvas.text(Box(row.x, row.y, row.width - room - UNIT, ROW), group or "(no group)")
        canvas.text(row, interval, face="mono", align="right")


def _rows(body: Box, top: int, count: int) -> Iterator[Box]:
    """Yield so many rows from a height on, or as many as there is room for; none for a heading alone."""
    fitting = min(count, (body.height - top) // ROW)
    for number in range(fitting if fitting > 1 else 0):
        yield body.row(top + number * ROW, ROW)


def _row(canvas: Canvas, row: Box, cells: Cells, *, dim: bool = False) -> None:
    theme = canvas.theme
    canvas.text(
        Box(row.x, row.y, row.width - 2 * NUMBER, ROW), cells[0], colour=theme.dim if dim else theme.text
    )
    for place, text in enumerate(cells[:0:-1]):
        at = Box(row.right - (place + 1) * NUMBER - place * UNIT, row.y, NUMBER, ROW)
        ink = theme.dim if dim or place == 0 else theme.text
        canvas.text(at, text, colour=ink, face="sans" if dim else "mono", align="right")
