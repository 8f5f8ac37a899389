"""Commands of the chat box."""

from dataclasses import dataclass, replace

from llmri_protocol.messages import Chat
from llmri_viewer.commands.base import UNNUMBERED, Step
from llmri_viewer.state import ViewState
from llmri_viewer.store import ScanStore


@dataclass(frozen=True)
class OpenChat:
    """Open the chat box."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, chat=state.chat or ""))


@dataclass(frozen=True)
class TypeText:
    """Add text to what is being typed; line ends become spaces."""

    text: str

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        if state.chat is None:
            return Step(state)
        return Step(replace(state, chat=state.chat + " ".join(self.text.splitlines())))


@dataclass(frozen=True)
class EraseText:
    """Take the last character back."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, chat=state.chat[:-1] if state.chat else state.chat))


@dataclass(frozen=True)
class SendChat:
    """Say what was typed to the model, and follow the reply; the box stays open for more."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        text = (state.chat or "").strip()
        if not text:
            return Step(state)
        return Step(replace(state, chat="", paused=False), (Chat(id=UNNUMBERED, text=text),))


@dataclass(frozen=True)
class LeaveChat:
    """Close the chat box and forget what was typed."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, chat=None))
