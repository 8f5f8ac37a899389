"""The part of an axis that is in sight, where a view stretches it over its width."""

from dataclasses import dataclass

LEAST = 1e-4  # of the axis: the closest look
STEP = 1.25


@dataclass(frozen=True)
class Reach:
    """From `start` to `stop`, in shares of the whole axis, 0 to 1."""

    start: float = 0.0
    stop: float = 1.0

    @property
    def length(self) -> float:
        """The share of the axis in sight."""
        return self.stop - self.start

    def share(self, at: float) -> float:
        """Return the share of the axis at a share of the width."""
        return self.start + at * self.length

    def zoomed(self, steps: int, at: float, least: float = LEAST) -> "Reach":
        """Zoom in by so many steps with the share `at` of the width held still; `least` stays in sight."""
        length = min(1.0, max(least, self.length / STEP**steps))
        return _inside(self.start + at * (self.length - length), length)

    def panned(self, share: float) -> "Reach":
        """Move the picture right by a share of the width."""
        return _inside(self.start - share * self.length, self.length)


def _inside(start: float, length: float) -> Reach:
    start = min(max(0.0, start), 1.0 - length)
    return Reach(start, start + length)
