"""The camera of the circle view: which disc of the plane fills the view, and how it moves there."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from llmri_viewer.model.layout.geometry import Box

Coordinate = TypeVar("Coordinate", float, npt.NDArray[np.float64])

MARGIN = 6  # pixels kept free around what fills the view
STEP = 1.25
FLIGHT_SECONDS = 0.25


@dataclass(frozen=True)
class DiscCamera:
    """The disc of the plane that fills the view: its middle and its radius."""

    x: float
    y: float
    radius: float

    def scale(self, box: Box) -> float:
        """Return how many pixels a unit of length takes."""
        return max(1.0, min(box.width, box.height) / 2 - MARGIN) / self.radius

    def pixel(self, box: Box, x: Coordinate, y: Coordinate) -> tuple[Coordinate, Coordinate]:
        """Return where a point of the plane is in the window, in pixels; arrays give arrays."""
        scale = self.scale(box)
        return box.x + box.width / 2 + (x - self.x) * scale, box.y + box.height / 2 + (y - self.y) * scale

    def point(self, box: Box, x: float, y: float) -> tuple[float, float]:
        """Return the point of the plane at a place of the window: `pixel` the other way round."""
        scale = self.scale(box)
        return self.x + (x - box.x - box.width / 2) / scale, self.y + (y - box.y - box.height / 2) / scale

    def zoomed(
        self, steps: int, box: Box, at: tuple[float, float], least: float, most: float
    ) -> "DiscCamera":
        """Zoom in by so many steps with the place `at` held still; the radius stays within bounds."""
        radius = min(most, max(least, self.radius / STEP**steps))
        ratio = radius / self.radius
        x, y = self.point(box, *at)
        return DiscCamera(x - (x - self.x) * ratio, y - (y - self.y) * ratio, radius)

    def panned(self, box: Box, dx: float, dy: float) -> "DiscCamera":
        """Move the picture by so many pixels."""
        scale = self.scale(box)
        return DiscCamera(self.x - dx / scale, self.y - dy / scale, self.radius)

    def kept_in_sight(self, x: float, y: float, radius: float) -> "DiscCamera":
        """Bring the middle back into a disc of the plane, where panning left it."""
        dx, dy = self.x - x, self.y - y
        away = (dx * dx + dy * dy) ** 0.5
        share = min(1.0, radius / away) if away else 1.0
        return DiscCamera(x + dx * share, y + dy * share, self.radius)

    def towards(self, other: "DiscCamera", share: float) -> "DiscCamera":
        """Return the lens so much of the way to another: straight, so that one point holds still."""
        mix = [a + (b - a) * share for a, b in ((self.x, other.x), (self.y, other.y))]
        return DiscCamera(mix[0], mix[1], self.radius + (other.radius - self.radius) * share)


@dataclass(frozen=True)
class Flight:
    """A move of the camera under way: from where, and how much of its time is over, 0 to 1."""

    start: DiscCamera
    share: float = 0.0

    @property
    def eased(self) -> float:
        """How much of the way is done: slow at both ends (smoothstep)."""
        return self.share * self.share * (3 - 2 * self.share)
