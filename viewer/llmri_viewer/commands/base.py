"""What a command is: a value that makes the next state, and perhaps asks the server for something."""

from dataclasses import dataclass, replace
from typing import Protocol

from llmri_protocol.messages import Command as Request
from llmri_viewer.state import ViewState
from llmri_viewer.store import ScanStore

UNNUMBERED = 0  # the session gives each request its id when it is sent


@dataclass(frozen=True)
class Step:
    """What a command makes: the next state, and requests to the server in order."""

    state: ViewState
    requests: tuple[Request, ...] = ()


class Command(Protocol):
    """Something a person asks for, as a value."""

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """Give the next state and what the server is asked; changes nothing itself."""
        ...


def update(state: ViewState, command: Command, store: ScanStore) -> Step:
    """Carry out a command; a notice lasts until the next one is carried out."""
    return command.apply(replace(state, notice="", warning=False), store)


def told(state: ViewState, sentence: str) -> Step:
    """Change nothing and say why."""
    return Step(replace(state, notice=sentence, warning=True))
