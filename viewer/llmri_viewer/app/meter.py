"""What the status shows in numbers: how the stream flows, and how long frames and scans take."""

from collections import deque
from collections.abc import Sequence
from statistics import median

from llmri_look.words import DASH

FRAMES_A_SECOND = 60
WINDOW_SECONDS = 5.0
WORST = 0.95  # the share of all that is at most as slow
FLOW_SECONDS = 1.0
HELD_SECONDS = 0.25  # that figures stay, so that they can be read


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


class Meter:
    """Counts scans as they are taken in. Times are seconds since 1970 on this machine's clock.

    The server's clock may be another one: `pong` measures the difference, taking the answer for half
    the way there and back (Cristian, 1989), and the shortest way seen is believed.

    Attributes:
        dropped: Scans that the server had to leave out, as it told.
        timings: Of frames, and of scans on their way to the screen.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self.timings = Timings()
        self._arrivals: deque[tuple[float, float]] = deque()
        self._ahead = 0.0
        self._shortest = float("inf")
        self._flow: tuple[float, float | None] = (0.0, None)
        self._flow_until = float("-inf")

    def pong(self, asked: float, answered: float, now: float) -> None:
        """Take a ping's times: when it was asked and is answered here, and the server's time between."""
        if now - asked <= self._shortest:
            self._shortest = now - asked
            self._ahead = answered - (asked + now) / 2

    def scan(self, sent: float, now: float) -> None:
        """Count a scan that the server stamped `sent`."""
        self._arrivals.append((now, max(0.0, now - (sent - self._ahead))))

    def rate(self, now: float) -> float:
        """Return the scans of the last second."""
        self._forget(now)
        return len(self._arrivals) / FLOW_SECONDS

    def lag(self, now: float) -> float | None:
        """Return the median lag of the last second's scans in milliseconds, None where there were none."""
        self._forget(now)
        return 1000 * median(lag for _, lag in self._arrivals) if self._arrivals else None

    def flow(self, now: float) -> tuple[float, float | None]:
        """Return `rate` and `lag`, anew four times a second."""
        if not self._flow_until - HELD_SECONDS <= now < self._flow_until:
            self._flow, self._flow_until = (self.rate(now), self.lag(now)), now + HELD_SECONDS
        return self._flow

    def line(self, now: float, *, wide: bool) -> str:
        """Return the stream's flow in numbers, on a `wide` window with their names."""
        rate, lag = self.flow(now)
        shown = DASH if lag is None else f"{lag:.0f}"
        return f"{rate:.0f} scans/s · lag {shown} ms · dropped {self.dropped}" if wide else f"{rate:.0f}/s"

    def _forget(self, now: float) -> None:
        while self._arrivals and self._arrivals[0][0] < now - FLOW_SECONDS:
            self._arrivals.popleft()
