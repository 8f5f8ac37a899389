"""A real window on a real (virtual) screen, a real server, and real keys."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import llmri
from llmri_protocol.messages import Edits, ServerMessage, TurnEnd

NEEDED = ("Xvfb", "xdotool")
MISSING = [program for program in NEEDED if shutil.which(program) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

WIDTH, HEIGHT = 1280, 800
PATIENCE = 60.0
Process = subprocess.Popen[str]


@pytest.fixture
def display(tmp_path: Path) -> Iterator[str]:
    """A screen of our own; Xvfb picks a free number and tells it."""
    read, write = os.pipe()
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as numbers:
        yield f":{numbers.readline().strip()}"
    screen.terminate()
    screen.wait()


@pytest.fixture
def address() -> Iterator[str]:
    command = [sys.executable, "-m", "llmri", "serve", "pocket", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().removeprefix("LLMRI listening on ").strip()
        server.terminate()


@pytest.fixture
def window(display: str, address: str, tmp_path: Path) -> Iterator[Process]:
    environment = {**os.environ, "DISPLAY": display, "SDL_VIDEODRIVER": "x11"}
    command = [sys.executable, "-m", "llmri", "view", address, "--site", "mlp_act", "--layer", "4"]
    command += ["--size", f"{WIDTH}x{HEIGHT}"]
    with subprocess.Popen(command, env=environment, cwd=tmp_path, text=True) as viewer:
        yield viewer
        viewer.kill()


class Hands:
    """Somebody at the keyboard and the mouse."""

    def __init__(self, display: str) -> None:
        self._environment = {**os.environ, "DISPLAY": display}

    def do(self, *words: str) -> str:
        done = subprocess.run(
            ["xdotool", *words],
            check=True,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return done.stdout.strip()

    def find_window(self) -> None:
        """Wait until the viewer's window is there, and give it the keyboard (there is no window manager)."""
        found = self.do("search", "--sync", "--onlyvisible", "--class", "llmri").splitlines()
        self.do("windowfocus", "--sync", found[0])

    def press(self, *keys: str) -> None:
        self.do("key", "--delay", "60", *keys)

    def type(self, text: str) -> None:
        self.do("type", "--delay", "30", text)

    def click(self, x: int, y: int) -> None:
        self.do("mousemove", str(x), str(y), "click", "1")


def next_of(client: llmri.Client, kind: type[ServerMessage]) -> ServerMessage:
    return next(message for message in client if isinstance(message, kind))


def test_somebody_talks_ablates_a_neuron_looks_and_quits(
    display: str, address: str, window: Process, tmp_path: Path
) -> None:
    hands = Hands(display)
    hands.find_window()
    with llmri.connect(address, role="viewer", timeout=PATIENCE) as watching:
        time.sleep(1)  # the first frame after focus
        hands.press("t")
        hands.type("What is 37 plus 45?")
        hands.press("Return")
        end = next_of(watching, TurnEnd)
        assert isinstance(end, TurnEnd)
        assert end.text == "37 + 45 = 82."

        hands.press("Escape")
        hands.click(540, 330)
        hands.press("x")
        edits = next_of(watching, Edits)
        assert isinstance(edits, Edits)
        assert [(edit.site, edit.layer, edit.value) for edit in edits.edits] == [("mlp_act", 4, 0.0)]

        hands.press("Down", "b")  # the selection stays where it is, whatever layer shows
        boosted = next_of(watching, Edits)
        assert isinstance(boosted, Edits)
        assert [(edit.layer, edit.value) for edit in boosted.edits] == [(4, 1.5)]
        hands.press("backslash")
        cleared = next_of(watching, Edits)
        assert isinstance(cleared, Edits)
        assert not cleared.edits
    hands.press("s")
    deadline = time.monotonic() + PATIENCE
    while not (shots := list(tmp_path.glob("**/*.png"))) and time.monotonic() < deadline:
        time.sleep(0.1)
    hands.press("q")
    assert window.wait(timeout=PATIENCE) == 0
    with Image.open(shots[0]) as picture:
        assert picture.size == (WIDTH, HEIGHT)
        assert len(set(picture.convert("L").tobytes())) > 20
