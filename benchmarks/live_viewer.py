"""A window in a process of its own that watches a real server in another, and tells how it went.

`python -m benchmarks.live_viewer PORT WIDTH HEIGHT CLUSTERS VIEW LOOKS` is the window's process.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pygame

from llmri_client.address import Address
from llmri_clustering.files import load
from llmri_look.colours.theme import THEMES
from llmri_look.keys import bindings
from llmri_protocol.messages import Chat
from llmri_viewer.app.application import Application
from llmri_viewer.app.meter import WORST, at_share
from llmri_viewer.app.window import Window
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.options import Options
from llmri_viewer.scripts.pilot import Pilot
from llmri_viewer.scripts.script import parse

VIEWS: Mapping[str, str] = MappingProxyType(
    {
        "grid": "",
        "Hebbian layout": "h",
        "circles": "o",
        "spectrum over units": "f",
        "spectrum over tokens": "f shift+f",
        "spectrogram": "f shift+f shift+f",
        "influence map": "n",
        "all layers": "a",
        "tokens": "k",
    }
)
"""What is watched, and the keys that lead there from the grid."""
BEGIN = "wait:tokens=12 click:unit=40"  # a selected unit is what the influence map is of
WARM_SECONDS = 1.0
LOOK_SECONDS = 1.5  # and before that, for the window's loop to be in its stride:
BEFORE_SECONDS = 0.5
CALM_SECONDS = 1.5  # without a scan, until the meters rest
IDLE_SECONDS = 2.0
PATIENCE = 180.0  # seconds for clusters to be built, and for a window to report, on a busy machine too
PROMPTS = ("Tell me a story.", "Tell me a story about a fox.", "Tell me another story.")
TURNS = "4"  # that clusters are built of
ANNOUNCED = "LLMRI listening on "
POLL = 0.002
LEAVING = 2  # pictures that ending a look causes by itself
FIRST_ID = 1_000_000  # of our own requests, beyond the session's


@dataclass(frozen=True)
class Look:
    """What a window measured while the model spoke; seconds, the 95th percentile beside the median."""

    scans: float  # a second
    pictures: float  # a second
    frame: float
    frame_95: float
    delay: float
    delay_95: float


@dataclass(frozen=True)
class Seen:
    """What the window's process measured: looks, and then the silence after them."""

    looks: tuple[Look, ...]
    idle_cpu: float  # share of a core
    idle_pictures: float


def watch(looks: int, size: tuple[int, int], advance: Callable[[], None]) -> Iterator[tuple[str, Seen]]:
    """Watch a server with a window, view after view, so many looks at each."""
    environment = {**os.environ, "SDL_VIDEODRIVER": "dummy"}
    with serving() as port, tempfile.TemporaryDirectory() as folder:
        clusters = Path(folder, "clusters.llmri")
        cluster(port, clusters)
        for view in VIEWS:
            words = [str(port), *map(str, size), str(clusters), view, str(looks)]
            told = subprocess.run(
                [sys.executable, "-m", "benchmarks.live_viewer", *words],
                stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True, env=environment,
            )  # fmt: skip
            seen = json.loads(told.stdout.splitlines()[-1])
            yield view, Seen(**{**seen, "looks": tuple(Look(**look) for look in seen["looks"])})
            advance()


def cluster(port: int, file: Path) -> None:
    """Let the server's units be clustered, for the views that show clusters."""
    prompts = file.with_suffix(".txt")
    prompts.write_text("\n".join(PROMPTS), encoding="utf-8")
    words = ["cluster", f"127.0.0.1:{port}", "--prompts", str(prompts), "--turns", TURNS, "--out", str(file)]
    subprocess.run(
        [sys.executable, "-m", "llmri", *words], check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


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

    def __init__(self, port: int, size: tuple[int, int], clusters: Path) -> None:
        options, self._table = Options(width=size[0], height=size[1], scale=1), bindings.load()
        atlas = Atlas.of(load(clusters))
        self.session = Application(Address(port=port), options, site=atlas.site, atlas=atlas)
        self._window = Window(self.session, self._table, THEMES["dark"])
        self._stopped = threading.Event()
        self.session.link.start()

    def press(self, keys: str) -> None:
        """Play a script."""
        Pilot(self._window, PATIENCE).play(parse(keys, self._table))

    def show(self, seconds: float) -> None:
        """Run the window for so long."""
        leave = threading.Timer(seconds, lambda: pygame.event.post(pygame.event.Event(pygame.QUIT)))
        leave.start()
        self._window.run()
        self.session.state = replace(
            self.session.state, window=replace(self.session.state.window, quit=False)
        )
        self._window.frame()

    def look(self) -> Look:
        """Run the window while the model speaks, and tell how that went."""
        timings = self.session.meter.timings
        threading.Timer(BEFORE_SECONDS, timings.clear).start()
        scans, began = self.session.tally.scans, time.time()
        self.show(BEFORE_SECONDS + LOOK_SECONDS)
        scans, took, now = self.session.tally.scans - scans, time.time() - began, time.time()
        frames, delays = timings.frames(now), timings.delays(now)
        return Look(
            scans=scans / took,
            pictures=len(frames) / LOOK_SECONDS,
            frame=at_share(frames, 0.5),
            frame_95=at_share(frames, WORST),
            delay=at_share(delays, 0.5),
            delay_95=at_share(delays, WORST),
        )

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


def main(port: int, size: tuple[int, int], clusters: Path, view: str, looks: int) -> Seen:
    """Be the window: watch the model speak, and then be silent."""
    watching = Watching(port, size, clusters)
    timings = watching.session.meter.timings
    try:
        watching.press("wait:connected")
        threading.Thread(target=watching.speak, daemon=True).start()
        watching.press(f"{BEGIN} {VIEWS[view]}")
        watching.show(WARM_SECONDS)
        seen = tuple(watching.look() for _ in range(looks))
        watching.calm()
        timings.clear()
        cpu, began = time.process_time(), time.time()
        watching.show(IDLE_SECONDS)
        return Seen(
            seen,
            idle_cpu=(time.process_time() - cpu) / (time.time() - began),
            idle_pictures=len(timings.frames(time.time())) - LEAVING,
        )
    finally:
        watching.close()


if __name__ == "__main__":
    number, width, height = (int(word) for word in sys.argv[1:4])
    file, name, times = Path(sys.argv[4]), sys.argv[5], int(sys.argv[6])
    print(json.dumps(asdict(main(number, (width, height), file, name, times))))
