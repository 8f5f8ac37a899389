"""What was said and got no reply goes back to the chat box: nothing that was typed is lost."""

from dataclasses import replace

from llmri_protocol.messages import Chat, Error, Reply, ServerMessage, TurnEnd
from llmri_protocol.messages import Command as Request
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.state import Link, LinkStatus, ViewState


class Drafts:
    """Remembers what this window says to the model, until it is known that the model has replied."""

    def __init__(self) -> None:
        self._sent: dict[int, str] = {}  # by the request's id, while the server has not taken it
        self._turns: dict[int, str] = {}  # by the turn's number, until the turn is over

    def sent(self, number: int, request: Request) -> None:
        """Note a request that goes out with an id."""
        if isinstance(request, Chat):
            self._sent[number] = request.text or ""

    def take(self, event: ServerMessage | LinkStatus, state: ViewState, store: ScanStore) -> ViewState:
        """Take an event, after the store has; give the state with the words in it that came to nothing."""
        match event:
            case Reply() if event.id in self._sent and event.turn is not None:
                self._turns[event.turn] = self._sent.pop(event.id)
                known = store.turns.get(event.turn)
                return self._over(known.end, state) if known and known.end else state
            case Error() if event.id in self._sent:
                return offered(state, self._sent.pop(event.id))
            case TurnEnd():
                return self._over(event, state)
            case LinkStatus() if event.link is not Link.CONNECTED:
                return self._cut_off(state, store)
        return state

    def _over(self, end: TurnEnd, state: ViewState) -> ViewState:
        text = self._turns.pop(end.turn, None)
        return state if text is None or not is_unanswered(end) else offered(state, text)

    def _cut_off(self, state: ViewState, store: ScanStore) -> ViewState:
        """Return what the server had not begun to read when the connection ended."""
        begun = {number for number, turn in store.turns.items() if turn.order}
        waiting = [text for number, text in self._turns.items() if number not in begun]
        lost = [*waiting, *self._sent.values()]
        self._sent.clear()
        self._turns.clear()
        return offered(state, " ".join(lost)) if lost else state


def is_unanswered(end: TurnEnd) -> bool:
    """Tell whether a turn failed, or had no room for a reply; the server forgets what was said then."""
    return end.reason == "error" or (end.reason == "context" and not end.tokens)


def offered(state: ViewState, text: str) -> ViewState:
    """Put words in the chat box where it is open and empty, else have them in it when it is opened next."""
    return (
        replace(state, typing=replace(state.typing, chat=text))
        if state.typing.chat == ""
        else replace(state, typing=replace(state.typing, draft=text))
    )
