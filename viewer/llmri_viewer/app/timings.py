"""How long frames take, and how long a scan takes from the socket to the screen."""

from collections import deque
from collections.abc import Sequence

FRAMES_A_SECOND = 60
WINDOW_SECONDS = 5.0
WORST = 0.95  # the share of all that is at most as slow


class Timings:
    """Times of the last seconds. All are seconds since 1970 on this machine's clock."""

    def __init__(self) -> None:
        self._waiting: list[float] = []
        self._frames: deque[tuple[float, float]] = deque()  # when on the screen, and the seconds it took
        self._delays: deque[tuple[float, float]] = deque()

    def clear(self) -> None:
        """Forget all but the scans that no picture shows yet."""
        self._frames.clear()
        self._delays.clear()

    def taken(self, arrived: float) -> None:
        """Note a scan for the next picture that came from the socket at a time."""
        self._waiting.append(arrived)

    def shown(self, began: float, ended: float) -> None:
        """Note a picture, its frame begun and the picture on the screen: it shows all scans taken so far."""
        self._frames.append((ended, ended - began))
        self._delays.extend((ended, ended - arrived) for arrived in self._waiting)
        self._waiting.clear()

    def frames(self, now: float) -> list[float]:
        """Return how long each frame took, in seconds."""
        return _latest(self._frames, now)

    def delays(self, now: float) -> list[float]:
        """Return how long each scan took from the socket to the end of the flip, in seconds."""
        return _latest(self._delays, now)

    def line(self, now: float) -> str:
        """Return the medians and the 95th percentiles in a line."""
        frames, delays = self.frames(now), self.delays(now)
        parts = []
        if frames:
            typical, worst = at_share(frames, 0.5), at_share(frames, WORST)
            parts.append(f"frame {1000 * typical:.1f} ms, 95 % {1000 * worst:.1f}")
        if delays:
            typical, worst = at_share(delays, 0.5), at_share(delays, WORST)
            parts.append(
                f"scan shown after {1000 * typical:.0f} ms, 95 % {1000 * worst:.0f} "
                f"({worst * FRAMES_A_SECOND:.1f} frames)"
            )
        return " · ".join(parts) or "no frames"


def at_share(values: Sequence[float], share: float) -> float:
    """Return the value that so large a share of some are at most: a percentile, one of the values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _latest(noted: deque[tuple[float, float]], now: float) -> list[float]:
    while noted and noted[0][0] < now - WINDOW_SECONDS:
        noted.popleft()
    return [seconds for _, seconds in noted]
