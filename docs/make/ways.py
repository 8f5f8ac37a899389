"""The ways of a token and of an edit as pictures in `docs/architecture.md`, made from the functions on them.

`python -m docs.make.ways` renews them between their marks. `tests/test_ways.py` follows a real token and a
real edit through a server and a viewer, and holds their order.
"""

import importlib
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[1] / "architecture.md"
BEGIN, END = "<!-- {}: made by `python -m docs.make.ways` -->", "<!-- /{} -->"


class Stop(NamedTuple):
    """A function on a way: where it is, its name there, and the thread that runs it."""

    module: str
    name: str
    thread: str


MODEL, SENDER, LINK, LOOP, LISTENER = (
    "server: the model's thread",
    "server: a sender a client",
    "viewer: the link's thread",
    "viewer: the frame loop",
    "server: a listener a client",
)
WAYS = {
    "token": (
        Stop("llmri_server.torch_runtime.hooks", "make_hook", MODEL),
        Stop("llmri_server.torch_runtime.hook_manager", "HookManager._end", MODEL),
        Stop("llmri_server.torch_runtime.scan_transfer", "ScanWriter.kept", MODEL),
        Stop("llmri_server.service.conversation", "_Announcer.scan", MODEL),
        Stop("llmri_server.broadcast.hub", "Hub.scan", MODEL),
        Stop("llmri_server.broadcast.outbox", "Outbox.put_scan", MODEL),
        Stop("llmri_server.network.sender", "messages_of", SENDER),
        Stop("llmri_server.broadcast.shared_scans", "SharedScan.message", SENDER),
        Stop("llmri_protocol.codec", "encode", SENDER),
        Stop("llmri_protocol.growth", "read_report", LINK),
        Stop("llmri_client.inbox", "Inbox.put", LINK),
        Stop("llmri_viewer.app.application", "Application.receive", LOOP),
        Stop("llmri_viewer.model.history.store", "ScanStore.add_scan", LOOP),
    ),
    "edit": (
        Stop("llmri_viewer.commands.edit", "Boost.apply", LOOP),
        Stop("llmri_client.link", "ServerLink.send", LOOP),
        Stop("llmri_protocol.growth", "read_command", LISTENER),
        Stop("llmri_server.service.handlers", "Handlers.answer", LISTENER),
        Stop("llmri_server.service.edit_service", "EditService.intervene", LISTENER),
        Stop("llmri_server.edits.journal", "Journal.add", LISTENER),
        Stop("llmri_server.torch_runtime.hook_manager", "HookManager.edit", LISTENER),
        Stop("llmri_server.edits.journal", "Journal.commit", LISTENER),
        Stop("llmri_server.broadcast.hub", "Hub.tell", LISTENER),
        Stop("llmri_server.torch_runtime.interventions.compilation", "Compiler.compile", MODEL),
        Stop("llmri_server.torch_runtime.interventions.steps", "Program.apply", MODEL),
    ),
}


def function_of(stop: Stop) -> Callable[..., object]:
    """Return the function of a stop.

    Raises:
        AttributeError: There is none.
    """
    found: object = importlib.import_module(stop.module)
    for name in stop.name.split("."):
        found = getattr(found, name)
    function: Callable[..., object] = inspect.unwrap(found)  # type: ignore[arg-type]
    return function


def picture(way: str) -> str:
    """Return a way as a Mermaid flowchart: a box a thread, and what each function says it does."""
    lines = ["```mermaid", "flowchart TD"]
    thread = ""
    for number, stop in enumerate(WAYS[way]):
        if stop.thread != thread:
            lines += [*(["  end"] if thread else []), f'  subgraph {way}{number}["{stop.thread}"]']
            thread = stop.thread
        lines.append(f'    {way[0]}{number}["<b>{stop.name}</b><br>{_said(stop)}"]')
    lines.append("  end")
    lines += [f"  {way[0]}{number} --> {way[0]}{number + 1}" for number in range(len(WAYS[way]) - 1)]
    return "\n".join([*lines, "```"])


def _said(stop: Stop) -> str:
    """Return the first clause of what a function says of itself."""
    first = (inspect.getdoc(function_of(stop)) or "").partition("\n")[0]
    clause = re.split(r"[;:]|, (?=at |where |as |which )|\. ", first)[0].rstrip(".")
    return clause.replace('"', "'").replace("`", "").replace("[", "(").replace("]", ")")


def renewed(text: str) -> str:
    """Return a page with the pictures between their marks.

    Raises:
        ValueError: The page has no marks for one.
    """
    for way in WAYS:
        begin, end = BEGIN.format(way), END.format(way)
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"{PAGE} has no marks {begin} and {end}")
        text = f"{before}{begin}\n{picture(way)}\n{end}{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.name}\n")
