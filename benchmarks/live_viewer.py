"""A window in a process of its own that watches a real server in another, and tells how it went.

`python -m benchmarks.live_viewer PORT WIDTH HEIGHT` is the window's process.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

import pygame

from llmri_protocol.messages import Chat
from llmri_viewer.colours.theme import THEMES
from llmri_viewer.connection.link import Address
from llmri_viewer.keys import bindings
from llmri_viewer.options import Options
from llmri_viewer.scripts.pilot import Pilot
from llmri_viewer.scripts.script import parse
from llmri_viewer.session import Session
from llmri_viewer.timings import WORST, at_share
from llmri_viewer.window import Window

WARM_SECONDS = 1.0
SPEAKING_SECONDS = 4.0
CALM_SECONDS = 2.0  # without a scan, until the meters rest
IDLE_SECONDS = 4.0
PATIENCE = 60.0  # seconds for the server to start, and for the window to report
PROMPTS = ("Tell me a story.", "Tell me a story about a fox.", "Tell me another story.")
ANNOUNCED = "LLMRI listening on "
POLL = 0.002
LEAVING = 2  # pictures that ending a look causes by itself
FIRST_ID = 1_000_000  # of our own requests, beyond the session's


@dataclass(frozen=True)
class Seen:
    """What the window's process measured; times in seconds, the 95th percentile beside the median."""

    scans: float  # a second
    pictures: float  # a second
    frame: float
    frame_95: float
    delay: float
    delay_95: float
    idle_cpu: float  # share of a core
    idle_pictures: float


def watch(rounds: int, size: tuple[int, int], advance: Callable[[], None]) -> Iterator[Seen]:
    """Watch a server with a window, so many times."""
    with serving() as port:
        for _ in range(rounds):
            words = [sys.executable, "-m", "benchmarks.live_viewer", str(port), *map(str, size)]
            told = subprocess.run(
                words,
                stdout=subprocess.PIPE,
                text=True,
                timeout=PATIENCE,
                check=True,
                env={**os.environ, "SDL_VIDEODRIVER": "dummy"},
            )
            yield Seen(**json.loads(told.stdout.splitlines()[-1]))
            advance()


@contextmanager
def serving() -> Iterator[int]:
    """Serve pocket in another process on a free port."""
    words = [sys.executable, "-m", "llmri", "serve", "pocket", "--port", "0", "--protect", "none"]
    with subprocess.Popen(
        words, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        try:
            yield port_of(server)
        finally:
            server.terminate()


def port_of(server: "subprocess.Popen[str]") -> int:
    """Read the port that a server announces, and let what it says later go.

    Raises:
        RuntimeError: It ended before.
    """
    if server.stdout is None:
        raise RuntimeError("the server's output is not read")
    for line in server.stdout:
        if ANNOUNCED in line:
            threading.Thread(target=server.stdout.read, daemon=True).start()
            return int(line.rpartition(":")[2])
    raise RuntimeError(f"`llmri serve` ended with status {server.wait()} before it told its port")


class Watching:
    """A window on a server, whose own loop runs for as long as is asked."""

    def __init__(self, port: int, size: tuple[int, int]) -> None:
        options, self._table = Options(width=size[0], height=size[1], scale=1), bindings.load()
        self.session = Session(Address(port=port), options)
        self._window = Window(self.session, self._table, THEMES["dark"])
        self._stopped = threading.Event()
        self.session.link.start()
        Pilot(self._window, PATIENCE).play(parse("wait:connected", self._table))

    def show(self, seconds: float) -> None:
        """Run the window for so long."""
        leave = threading.Timer(seconds, lambda: pygame.event.post(pygame.event.Event(pygame.QUIT)))
        leave.start()
        self._window.run()
        self.session.state = replace(self.session.state, quit=False)
        self._window.frame()

    def speak(self) -> None:
        """Ask for the next turn as soon as one is over, until `calm`."""
        asked = 0
        while not self._stopped.wait(POLL):
            if self.session.tally.turn_ends == asked:
                text = PROMPTS[asked % len(PROMPTS)]
                self.session.link.send(Chat(id=FIRST_ID + asked, text=text, new=True))
                asked += 1

    def calm(self) -> None:
        """Ask for no more turns, and run the window until nothing has come for a while."""
        self._stopped.set()
        scans = -1
        while scans != self.session.tally.scans:
            scans = self.session.tally.scans
            self.show(CALM_SECONDS)

    def close(self) -> None:
        """Leave."""
        self._stopped.set()
        self.session.close()
        self._window.close()


def main(port: int, size: tuple[int, int]) -> Seen:
    """Be the window: watch the model speak, and then be silent."""
    watching = Watching(port, size)
    session, timings = watching.session, watching.session.meter.timings
    try:
        threading.Thread(target=watching.speak, daemon=True).start()
        watching.show(WARM_SECONDS)
        timings.clear()
        scans, began = session.tally.scans, time.time()
        watching.show(SPEAKING_SECONDS)
        scans, took, now = session.tally.scans - scans, time.time() - began, time.time()
        frames, delays = timings.frames(now), timings.delays(now)
        watching.calm()
        timings.clear()
        cpu, began = time.process_time(), time.time()
        watching.show(IDLE_SECONDS)
        return Seen(
            scans=scans / took,
            pictures=len(frames) / took,
            frame=at_share(frames, 0.5),
            frame_95=at_share(frames, WORST),
            delay=at_share(delays, 0.5),
            delay_95=at_share(delays, WORST),
            idle_cpu=(time.process_time() - cpu) / (time.time() - began),
            idle_pictures=len(timings.frames(time.time())) - LEAVING,
        )
    finally:
        watching.close()


if __name__ == "__main__":
    number, width, height = (int(word) for word in sys.argv[1:4])
    print(json.dumps(asdict(main(number, (width, height)))))
