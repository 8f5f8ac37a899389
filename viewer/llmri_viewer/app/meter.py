"""How the stream flows: scans a second, lag in milliseconds, scans dropped."""

from collections import deque
from statistics import median

from llmri_look.words import DASH
from llmri_viewer.app.timings import Timings

WINDOW_SECONDS = 1.0
HELD_SECONDS = 0.25  # that figures stay, so that they can be read


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
        return len(self._arrivals) / WINDOW_SECONDS

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
        while self._arrivals and self._arrivals[0][0] < now - WINDOW_SECONDS:
            self._arrivals.popleft()
