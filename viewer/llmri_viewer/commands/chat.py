"""Commands of the chat box."""

from dataclasses import dataclass, replace

from llmri_protocol.messages import Chat
from llmri_viewer.commands.base import OFFLINE, ONLY_LOOKS, Step, Touching, refused
from llmri_viewer.commands.effects import PasteText
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.measured.measuring import UNNUMBERED
from llmri_viewer.model.playback import followed
from llmri_viewer.model.state import Link, ViewState

TYPED_MOST = 100_000  # characters; more than any context takes


@dataclass(frozen=True)
class OpenChat:
    """Open the chat box, with words in it that the model could not reply to.

    In a window that only looks it opens, too, and says so: what is typed after the key must not be taken for
    commands.
    """

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        opened = replace(
            state, typing=replace(state.typing, chat=state.typing.chat or state.typing.draft, draft="")
        )
        return refused(opened, ONLY_LOOKS) if state.connection.read_only else Step(opened)


@dataclass(frozen=True)
class TypeText:
    """Add text to what is being typed, in the chat box or where to go; line ends become spaces."""

    text: str

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        line = " ".join(self.text.splitlines())
        length = len(state.typing.chat or state.typing.goto or "") + len(line)
        if length > TYPED_MOST:
            return refused(
                state, f"{length} characters are too many to say at once; at most {TYPED_MOST} fit"
            )
        if state.typing.chat is not None:
            return Step(replace(state, typing=replace(state.typing, chat=state.typing.chat + line)))
        return Step(
            state
            if state.typing.goto is None
            else replace(state, typing=replace(state.typing, goto=state.typing.goto + line))
        )


@dataclass(frozen=True)
class Paste:
    """Have the clipboard's text typed."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(state, effects=(PasteText(),))


@dataclass(frozen=True)
class EraseText:
    """Take the last character back."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        if state.typing.chat is not None:
            return Step(replace(state, typing=replace(state.typing, chat=state.typing.chat[:-1])))
        return Step(
            state
            if state.typing.goto is None
            else replace(state, typing=replace(state.typing, goto=state.typing.goto[:-1]))
        )


@dataclass(frozen=True)
class SendChat(Touching):
    """Say what was typed to the model, and follow the reply; the box stays open for more.

    While there is no server the words stay in the box. `new` has the model forget the conversation first.
    """

    new: bool = False

    def apply(self, state: ViewState, store: ScanStore, /) -> Step:
        """See `Command`."""
        text = (state.typing.chat or "").strip()
        if not text:
            return Step(state)
        if state.connection.link.link is not Link.CONNECTED:
            return refused(state, OFFLINE)
        sent = replace(followed(state, store), typing=replace(state.typing, chat=""))
        return Step(sent, (Chat(id=UNNUMBERED, text=text, new=self.new),))


@dataclass(frozen=True)
class LeaveChat:
    """Close the chat box and forget what was typed."""

    def apply(self, state: ViewState, _store: ScanStore, /) -> Step:
        """See `Command`."""
        return Step(replace(state, typing=replace(state.typing, chat=None)))
