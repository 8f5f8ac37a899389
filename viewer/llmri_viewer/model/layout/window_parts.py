"""How the window is divided: where each panel stands, for a size."""

from dataclasses import dataclass
from functools import lru_cache

from llmri_viewer.model.layout.geometry import Box

UNIT = 8  # the one spacing unit, in pixels
FOLD_WIDTH = 1100  # narrower windows have no side panel
SIDE_WIDTH = 36 * UNIT
LAYERS_WIDTH = 11 * UNIT
STATUS_HEIGHT = 5 * UNIT
CAPTION_HEIGHT = 4 * UNIT
BAR_HEIGHT = 7 * UNIT
STRIP_LINE = 3 * UNIT
SCRUBBER_HEIGHT = 4 * UNIT
FOOTER_HEIGHT = 4 * UNIT
LEGEND_WIDTH = 25 * UNIT
STAGE_LEAST = 0.8  # width over height, below which a view keeps its legend's room for itself
LINES_LEAST, LINES_MOST = 2, 6  # of the text
TALL, TALLER = 720, 400  # pixels of height from which it has a third line, and that each further one takes


@dataclass(frozen=True)
class WindowParts:
    """The boxes of the panels; `side` is None where it is folded away."""

    window: Box
    status: Box
    layers: Box
    caption: Box
    view: Box
    bar: Box
    side: Box | None
    strip: Box
    scrubber: Box
    footer: Box

    @property
    def below(self) -> Box:
        """Return what stands between the view and the footer over the whole width: text and scrubber."""
        return Box(self.strip.x, self.strip.y, self.strip.width, max(0, self.footer.y - self.strip.y))


@lru_cache(maxsize=16)
def of(size: tuple[int, int]) -> WindowParts:
    """Divide a window of so many pixels."""
    width, height = size
    footer = Box(0, height - FOOTER_HEIGHT, width, FOOTER_HEIGHT)
    lines = min(LINES_MOST, LINES_LEAST + 1 + (height - TALL) // TALLER) if height >= TALL else LINES_LEAST
    strip_height = lines * STRIP_LINE + 2 * UNIT
    top = footer.y - SCRUBBER_HEIGHT - UNIT
    scrubber = Box(2 * UNIT, top, max(0, width - 4 * UNIT), SCRUBBER_HEIGHT)
    strip = Box(0, scrubber.y - strip_height, width, strip_height)
    status = Box(0, 0, width, STATUS_HEIGHT)
    middle = max(0, strip.y - STATUS_HEIGHT)
    layers = Box(0, STATUS_HEIGHT, LAYERS_WIDTH, middle)
    side = Box(width - SIDE_WIDTH, STATUS_HEIGHT, SIDE_WIDTH, middle) if width >= FOLD_WIDTH else None
    room = max(1, width - LAYERS_WIDTH - (SIDE_WIDTH if side else 0) - 2 * UNIT)
    left = LAYERS_WIDTH + UNIT
    caption = Box(left, STATUS_HEIGHT + UNIT, room, CAPTION_HEIGHT)
    bar = Box(left, strip.y - BAR_HEIGHT - UNIT, room, BAR_HEIGHT)
    view = Box(left, caption.bottom, room, max(1, bar.y - caption.bottom - UNIT))
    return WindowParts(
        Box(0, 0, width, height), status, layers, caption, view, bar, side, strip, scrubber, footer
    )


def staged(view: Box) -> tuple[Box | None, Box]:
    """Divide a view of clusters in the legend, None where there is no room, and the stage for the units."""
    room = view.width - LEGEND_WIDTH - UNIT
    if room < STAGE_LEAST * view.height:
        return None, view
    legend = Box(view.x, view.y, LEGEND_WIDTH, view.height)
    return legend, Box(legend.right + UNIT, view.y, room, view.height)


def layer_row(box: Box, count: int, layer: int) -> Box:
    """Return a layer's row in the slider; rows share the height, up to three spacing units each."""
    top = 4 * UNIT
    room = max(1, box.height - top - UNIT)
    each = min(3 * UNIT, room / max(1, count))
    start, end = round(top + layer * each), round(top + (layer + 1) * each)
    return Box(box.x, box.y + start, box.width, max(1, end - start))


def layer_at(box: Box, count: int, y: float) -> int | None:
    """Return the layer at a height of the slider, None above and below all."""
    for layer in range(count):
        row = layer_row(box, count, layer)
        if row.y <= y < row.bottom:
            return layer
    return None
