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
from llmri_protocol.messages import Edit, Edits, ServerMessage, TurnEnd
from tests.golden.viewer.recording import CLUSTERS

NEEDED = ("Xvfb", "xdotool")
MISSING = [program for program in NEEDED if shutil.which(program) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

WIDTH, HEIGHT = 1280, 800
PATIENCE = 60.0
FIRST_RANKED = (180, 231)  # the most active cluster's row beside the circles
A_UNIT = (540, 330)  # in the grid
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
    command += ["--size", f"{WIDTH}x{HEIGHT}", "--scale", "1", "--clusters", str(CLUSTERS)]
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


def said(hands: Hands, watching: llmri.Client, text: str) -> str:
    """Say something through the chat box; give the whole reply."""
    hands.press("t")
    hands.type(text)
    hands.press("Return", "Escape")
    end = next_of(watching, TurnEnd)
    assert isinstance(end, TurnEnd)
    return end.text


def edits_after(hands: Hands, watching: llmri.Client, *keys: str, some: bool = True) -> tuple[Edit, ...]:
    """Press keys of which the last changes the edits; give those that then stand: `some`, or none."""
    hands.press(*keys)
    while True:  # the server tells them after a turn, too, when keys and values have grown old
        found = next_of(watching, Edits)
        assert isinstance(found, Edits)
        if bool(found.edits) == some:
            return found.edits


def test_somebody_talks_finds_a_cluster_ablates_it_and_quits(
    display: str, address: str, window: Process, tmp_path: Path
) -> None:
    hands = Hands(display)
    hands.find_window()
    with llmri.connect(address, role="viewer", timeout=PATIENCE) as watching:
        time.sleep(1)  # the first frame after focus
        assert said(hands, watching, "What is 37 plus 45?") == "37 + 45 = 82."
        assert said(hands, watching, "What is the capital of Japan?") == "The capital of Japan is Tokyo."

        hands.press("h", "o")
        time.sleep(1)  # until the circles are packed and ranked
        hands.click(*FIRST_RANKED)
        ablated = edits_after(hands, watching, "x")
        assert {(edit.site, edit.value) for edit in ablated} == {("mlp_act", 0.0)}
        assert sum(len(edit.units) for edit in ablated) > 1, "a cluster has several units"
        assert said(hands, watching, "What is the capital of France?")
        edits_after(hands, watching, "backslash", some=False)

        hands.press("o")
        hands.click(*A_UNIT)
        assert [len(edit.units) for edit in edits_after(hands, watching, "Down", "b")] == [1]
    hands.press("s")
    deadline = time.monotonic() + PATIENCE
    while not (shots := list(tmp_path.glob("**/*.png"))) and time.monotonic() < deadline:
        time.sleep(0.1)
    hands.press("q")
    assert window.wait(timeout=PATIENCE) == 0
    with Image.open(shots[0]) as picture:
        assert picture.size == (WIDTH, HEIGHT)
        assert len(set(picture.convert("L").tobytes())) > 20
