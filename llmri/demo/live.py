"""The live part: a server, a viewer, a conversation with an ablation in the middle, as real processes."""

import contextlib
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from llmri.client import Client, connect
from llmri_client.errors import ConnectionEndedError
from llmri_protocol.messages import Edit, Edits, Token, TurnEnd, TurnStart

READY = "LLMRI listening on "
# Each sum is asked once: a model that was told the result could copy it.
BEFORE, ABLATED, CLEARED = (f"What is {sum_}?" for sum_ in ("37 plus 45", "58 plus 26", "64 plus 19"))
CAPITAL, OTHER_CAPITAL = (f"What is the capital of {country}?" for country in ("France", "Japan"))
STORY = "Tell me a story about a fox named Max."
SCRIPT = (
    ("wait:connected",),
    (f'say:"{BEFORE}"', "wait:turn_end", "shot:{out}/1-sum-untouched.png"),
    (f'say:"{CAPITAL}"', "wait:turn_end"),
    ("wait:edits", f'say:"{ABLATED}"', "wait:turn_end", "shot:{out}/2-sum-ablated.png"),
    (f'say:"{OTHER_CAPITAL}"', "wait:turn_end", "shot:{out}/3-capital-ablated.png"),
    ("\\", "wait:edits", f'say:"{CLEARED}"', "wait:turn_end"),
    (f'say:"{STORY}"', "wait:turn_end", "shot:{out}/4-story-untouched.png"),
)
ABLATE_AFTER = 2  # turns
TURNS = sum(word.startswith("say:") for step in SCRIPT for word in step)


class DemoError(RuntimeError):
    """The live part cannot go on; the message says why."""


def has_screen() -> bool:
    """Say whether a window can be opened."""
    return sys.platform in {"darwin", "win32"} or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def play(
    out: Path,
    choose: Callable[[], Sequence[Edit]],
    console: Console,
    *,
    model: str,
    screen: bool,
    afterwards: Callable[[], None],
) -> None:
    """Let the viewer hold the conversation while this process ablates in its middle and tells what is said.

    `choose` gives the edits when they are wanted; the first picture is there before. Then `afterwards` is
    called. With a screen the viewer stays open meanwhile, and in the end what is typed here is said to the
    model.

    Raises:
        DemoError: Server or viewer ended too early.
    """
    console.print(f"[dim]starting a server with {escape(model)}, and a viewer ...[/dim]", highlight=False)
    with _serving(model) as address, connect(address) as client:
        viewer = _viewer(address, out, client.welcome.card.layers // 2, screen=screen)
        watch = threading.Thread(target=_close_when_over, args=(viewer, client, screen), daemon=True)
        watch.start()
        try:
            _follow(client, choose, console)
            if not screen and viewer.wait(timeout=60) != 0:
                raise DemoError("the viewer could not finish its script")
            afterwards()
            if screen and viewer.poll() is None:
                _talk(client, console)
        except (ConnectionEndedError, TimeoutError) as error:
            if viewer.poll() != 0 or not screen:
                raise DemoError(f"the conversation broke off: {error}") from error
        finally:
            viewer.terminate()


@contextmanager
def _serving(model: str) -> Iterator[str]:
    """Serve a model on a free port while the context lasts; gives HOST:PORT."""
    command = (sys.executable, "-m", "llmri", "serve", model, "--port", "0")
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        line = server.stdout.readline() if server.stdout else ""
        if not line.startswith(READY):
            raise DemoError("the server did not start")
        yield line.removeprefix(READY).strip()
    finally:
        server.terminate()
        server.wait(timeout=10)


def _viewer(address: str, out: Path, layer: int, *, screen: bool) -> subprocess.Popen[bytes]:
    script = " ".join(word.format(out=shlex.quote(str(out))) for step in SCRIPT for word in step)
    command = [sys.executable, "-m", "llmri", "view", address, "--site", "mlp_act", "--layer", str(layer)]
    return subprocess.Popen([*command, "--keys", script, *([] if screen else ["--headless"])])


def _close_when_over(viewer: subprocess.Popen[bytes], client: Client, screen: bool) -> None:
    """End the waiting of this process when the viewer is closed or has failed."""
    if viewer.wait() != 0 or screen:
        client.close()


def _follow(client: Client, choose: Callable[[], Sequence[Edit]], console: Console) -> None:
    """Tell the conversation, and ablate after its second turn."""
    ended, last, ablated = 0, "", 0
    for message in client:
        match message:
            case TurnStart(prompt=prompt):
                console.print(f"[bold]> {prompt}[/bold]")
            case Token(phase="generate", text=text):
                console.print(last, end="", markup=False, highlight=False)
                last = text
            case Edits(edits=standing):
                units = sum(len(edit.units) for edit in standing)
                if units != ablated:  # also told anew: whether older keys and values are kept
                    console.print(f"[dim]{units} MLP neurons are ablated now.[/dim]")
                ablated = units
            case TurnEnd(reason=reason):
                # A reply's end is a token, too, and nothing to read.
                console.print("" if reason == "end" else last, markup=False, highlight=False)
                last = ""
                ended += 1
                if ended == ABLATE_AFTER:
                    chosen = choose()
                    client.wait_until_searched()
                    client.intervene(chosen)
                if ended == TURNS:
                    return


def _talk(client: Client, console: Console) -> None:
    """Say what is typed, until an empty line, the end of input or of the viewer."""
    console.print("[dim]Your turn; an empty line ends the demo, and so does closing the viewer.[/dim]")
    with contextlib.suppress(EOFError):
        while line := console.input("> ").strip():
            console.print(client.chat(line).text, markup=False, highlight=False)
