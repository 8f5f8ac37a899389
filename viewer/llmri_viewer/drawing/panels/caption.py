"""The line over the view, what is shown, and the colour bar under it."""

from llmri_look import edit_words, words
from llmri_look.colours import colour
from llmri_look.colours.theme import LARGE
from llmri_viewer import views
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.charts import colour_bar
from llmri_viewer.drawing.panels import cluster
from llmri_viewer.model.clusters import cluster_words
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.window_parts import UNIT
from llmri_viewer.model.state import ViewState
from llmri_viewer.views import legend
from llmri_viewer.views.picture import Picture

PART_LEAST = 14 * UNIT  # of room, below which a single clause is not begun that does not fit whole
Variants = tuple[str, ...]
"""The same said at length and shorter, the longest first; none where there is nothing to say."""


def draw(canvas: Canvas, box: Box, state: ViewState, picture: Picture | None) -> None:
    """Say what a unit is on the left, and the pointed or selected one's value on the right.

    What is right may be shorter so that the title stays whole; where that stands goes first.
    """
    if state.site_card is None:
        return
    title, where = views.of(state).title(state)
    said = _listed(state) or _reading(state, picture) or _cluster_reading(state)
    beside = box.width - canvas.width(title, "bold", LARGE) - UNIT
    reading = canvas.fitting(said, beside, "mono") or (said[-1] if said else "")
    room = canvas.width(reading, "mono")
    free = Box(box.x, box.y, max(0, box.width - room - UNIT), box.height)
    left = box.x + canvas.text(free, title, size=LARGE, face="bold") + UNIT
    rest = Box(left, box.y, max(0, free.right - UNIT - left), box.height)
    where = ", ".join(filter(None, ("as difference" if state.look.difference else "", where)))
    parts = words.clauses(where)
    cut = where if len(parts) == 1 and rest.width >= PART_LEAST else ""
    shown = canvas.fitting(parts, rest.width) or cut
    canvas.text(rest, shown, colour=canvas.theme.dim)
    canvas.text(Box(box.right - room, box.y, room, box.height), reading, face="mono", align="right")


def draw_bar(canvas: Canvas, box: Box, state: ViewState, picture: Picture) -> None:
    """Draw the colours with numbers under them and the scale in words."""
    table = colour.table(state.look.colour_map, canvas.theme.name)
    colour_bar.draw(
        canvas, box, table, picture.scale, (views.of(state).scale_words(state), state.look.colour_map)
    )


def _reading(state: ViewState, picture: Picture | None) -> Variants:
    """Return the unit under the pointer with its value, or else the only selected one."""
    view, subject = views.of(state), views.of(state).subject(state)
    index = (
        view.read_at(state, state.window.pointer, picture.values)
        if state.window.pointer and picture
        else None
    )
    if subject is not None and index is None and (not view.of_clusters or len(state.selection.units) == 1):
        here = (subject.index(place) for place in sorted(state.selection.units))
        index = next((index for index in here if index is not None), None)
    if index is None or subject is None or picture is None or index >= picture.values.size:
        return ()
    layer, unit = subject.place(index)
    edit = state.shown_units.get((state.pane.site, layer, unit))
    now = state.later_units.get((state.pane.site, layer, unit))
    edited = f"  {edit_words.amount(edit)}" if edit is not None else ""
    edited += f"  {edit_words.amount(now)} now" if now is not None else ""
    name = f"layer {layer}  unit {unit}" if view.of_clusters or len(subject.layers) > 1 else f"unit {unit}"
    edited += "  protected" if (layer, unit) in state.protected else ""
    number = int(state.atlas.clustering.labels[index]) if view.of_clusters and state.atlas else -1
    if number >= 0:
        name = f"cluster {number}  {name}"
    alone = not _folded(state) or (layer, unit) not in state.selection.units
    value = f"{name}  {words.number(float(picture.values[index]))}{edited}"
    return (value,) if alone else (f"{value}  of {len(state.selection.units)} selected", value)


def _folded(state: ViewState) -> bool:
    """Tell whether several units are selected, and there is no side panel to say so."""
    return len(state.selection.units) > 1 and window_parts.of(state.window.size).side is None


def _listed(state: ViewState) -> Variants:
    """Return the size of the cluster whose row of the legend is pointed at."""
    pointer = state.window.pointer if views.of(state).of_clusters else None
    number = legend.cluster_at(state, pointer) if pointer else None
    if number is None or state.atlas is None or state.clusters.ranking is None:
        return ()
    cluster = state.atlas.clustering.cluster(number)
    where = words.layers(sorted({layer for layer, _ in state.atlas.places(number)}))
    size = words.count(cluster.units, "unit")
    name, fires = f"cluster {number}  {size}", f"mean |z| {state.clusters.ranking.of(number):.2f}"
    return f"{name}, {where}  {fires}", f"{name}  {fires}"


def _cluster_reading(state: ViewState) -> Variants:
    """Return the selected cluster's evidence beside its null, where the side panel is folded away."""
    found = cluster.shown(state) if views.of(state).of_clusters else None
    if found is None or state.atlas is None or window_parts.of(state.window.size).side is not None:
        return ()
    null = words.number(found.null.inside)
    below = "" if found.real else ", below null"
    name = cluster_words.correlation(state.atlas.clustering.provenance)
    stability, chance = words.number(found.evidence.stability), words.number(found.null.stability)
    inside = f"{name} {words.number(found.evidence.inside)} (null {null})"
    rest = f"  stability {stability} ({chance})"
    return f"cluster {found.number}  {inside}{rest}{below}", f"cluster {found.number}  {inside}{below}"
