"""The chat in the terminal that the server runs in."""

import contextlib

from llmri_protocol.bundled import BUNDLED, KNOWS
from llmri_protocol.messages import Edit
from llmri_protocol.printable import for_terminal
from llmri_server.cli.interrupts import Interrupts
from llmri_server.protection import refused
from llmri_server.server import Server
from llmri_server.service.model_worker import TooManyTurnsError
from llmri_server.service.turns import PendingTurn

UNITS_SHOWN = 8

HELP = """\
/clear  forget the conversation
/stop   stop the reply of whichever client is being answered, or else the search for protected units
/search tell how far the search for protected units is
/edits  list the edits that stand
/help   show this
/quit   end the server
Ctrl-C stops a reply; at the prompt it ends the server."""


class Terminal:
    """What one person at the server's terminal may say.

    Args:
        server: The running server.
        interrupts: Tell of Ctrl-C during a reply.
    """

    def __init__(self, server: Server, interrupts: Interrupts | None = None) -> None:
        self._server = server
        self._interrupts = interrupts or Interrupts()
        self._new = False  # whether the next turn begins a conversation

    def handle(self, line: str) -> bool:
        """Answer a line; give whether to go on."""
        match line.strip():
            case "":
                pass
            case "/quit":
                return False
            case "/help":
                say(HELP)
            case "/clear":
                self._new = True
                say("the conversation is forgotten")
            case "/stop":
                self._server.stop()
            case "/search":
                say(self._server.protection.in_words() or "the search for protected units is over")
            case "/edits":
                say(self._edits())
            case command if command.startswith("/"):
                say(f"there is no {command.split()[0]}; /help lists what there is")
            case text:
                self._ask(text)
        return True

    def _ask(self, text: str) -> None:
        try:
            turn = self._server.chat(text, new=self._new)
        except TooManyTurnsError as error:
            say(str(error))
            return
        self._new = False
        while True:
            try:
                with self._interrupts.heard():
                    for piece in turn.pieces():
                        print(for_terminal(piece), end="", flush=True)  # noqa: T201
                break
            except KeyboardInterrupt:
                turn.stop.set()
        print(f"\n{for_terminal(ending(turn))}", end="", flush=True)  # noqa: T201

    def _edits(self) -> str:
        edits = self._server.journal.state.edits
        if not edits:
            return "no edits stand"
        protected = self._server.runtime.card.protected
        return "\n".join(described(edit) + _mark(len(refused([edit], protected))) for edit in edits)


def chat(server: Server, interrupts: Interrupts | None = None) -> None:
    """Chat until the person quits; Ctrl-C at the prompt raises `KeyboardInterrupt`."""
    interrupts = interrupts or Interrupts()
    with contextlib.suppress(ImportError):  # it isn't on every system; the chat works without
        import readline  # noqa: F401, PLC0415 - importing it gives `input` its history and line editing
    say("Say something, or /help." + (f" {KNOWS}" if server.runtime.card.name == BUNDLED else ""))
    terminal = Terminal(server, interrupts)
    going_on = True
    while going_on:
        try:
            with interrupts.heard():
                line = input("> ")
        except EOFError:
            say("")
            return
        going_on = terminal.handle(line)


def described(edit: Edit) -> str:
    """Describe an edit in one line."""
    units = ", ".join(map(str, edit.units[:UNITS_SHOWN]))
    more = ", ..." if len(edit.units) > UNITS_SHOWN else ""
    return (
        f"{edit.site} layer {edit.layer}: {edit.op} {edit.value:g} at {edit.positions} positions, "
        f"{len(edit.units)} units: {units}{more}"
    )


def _mark(protected: int) -> str:
    """Say how many protected units an edit takes away; empty for none."""
    return f" ({protected:,} protected)" if protected else ""


def ending(turn: PendingTurn) -> str:
    """Say what isn't plain from a reply itself: that it failed, or was cut short."""
    if turn.outcome is None:
        return f"[{turn.failure}]\n"
    cut = {"stopped": "stopped", "length": "longest reply reached", "context": "context full"}
    word = cut.get(turn.outcome.reason)
    return f"[{word}]\n" if word else ""


def say(text: str) -> None:
    """Write a line to the person."""
    print(for_terminal(text), flush=True)  # noqa: T201
