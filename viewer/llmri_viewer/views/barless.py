"""Views without a colour bar have its room too."""

from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import ViewState


def whole(state: ViewState) -> Box:
    """Return the view's part of the window and the colour bar's together."""
    parts = window_parts.of(state.window.size)
    return Box(parts.view.x, parts.view.y, parts.view.width, max(1, parts.bar.bottom - parts.view.y))
