"""What a command is: a value that makes the next state, and perhaps asks the server for something."""

from dataclasses import dataclass, replace
from typing import Protocol

from llmri_protocol.messages import Command as Request
from llmri_viewer.commands.effects import Effect
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.state import ViewState

OFFLINE = "not connected: nothing was sent"
ONLY_LOOKS = "this window only looks; start `llmri view` without --read-only to chat and edit"


@dataclass(frozen=True)
class Step:
    """What a command makes: the next state, requests to the server in order, and effects of our own."""

    state: ViewState
    requests: tuple[Request, ...] = ()
    effects: tuple[Effect, ...] = ()


class Command(Protocol):
    """Something a person asks for, as a value."""

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """Return the next state and what the server is asked; changes nothing itself."""
        ...


class Silent:
    """A command that no key gives, such as a moving mouse's: notice and hint stay where they are."""


class Touching:
    """A command that always asks the server for more than to look: a window that only looks refuses it."""


def update(state: ViewState, command: Command, store: ScanStore) -> Step:
    """Carry out a command; a notice lasts until the next one that a key or a click gives."""
    if isinstance(command, Silent):
        return command.apply(state, store)
    state = replace(state, overlays=replace(state.overlays, hint=False)).noticing("")
    if state.connection.read_only and isinstance(command, Touching):
        return refused(state, ONLY_LOOKS)
    return command.apply(state, store)


def refused(state: ViewState, sentence: str) -> Step:
    """Change nothing and say why."""
    return Step(state.noticing(sentence, warning=True))
