"""Who may send what when, as tables made from the catalogue."""

from collections.abc import Iterable

from llmri_protocol.catalogue import ClientEntry, Message, steps_of
from llmri_protocol.fields import Dialect, Role, Sender, State
from llmri_protocol.messages import CLIENT_KINDS, SERVER_KINDS
from llmri_protocol.plain import PLAIN_CLIENT_KINDS, PLAIN_SERVER_KINDS

Kinds = frozenset[type[Message]]

STATES: dict[State, str] = {
    "hello": "connected; nothing was said yet",
    "welcome": "`hello` was said and accepted; `welcome` was not yet sent",
    "open": "the handshake is done",
    "closing": "the client broke a rule that ends the connection; the server tells it why",
    "closed": "over",
}

NOTHING: Kinds = frozenset()


def _sent(kinds: Iterable[type[Message]]) -> dict[State, Kinds]:
    """Return which of these may be sent in each state."""
    return {state: frozenset(kind for kind in kinds if state in steps_of(kind)) for state in STATES}


def _sent_by(role: Role) -> Kinds:
    """Return what a role may send once the connection is open."""
    entries = {kind: kind.entry for kind in _CLIENT["open"] if isinstance(kind.entry, ClientEntry)}
    return frozenset(kind for kind, entry in entries.items() if role in ("controller", entry.role))


_CLIENT, _SERVER = _sent(CLIENT_KINDS), _sent(SERVER_KINDS)
_PLAIN_CLIENT, _PLAIN_SERVER = _sent(PLAIN_CLIENT_KINDS), _sent(PLAIN_SERVER_KINDS)

NATIVE: dict[State, dict[Sender, Kinds]] = {
    state: {"client": _CLIENT[state], "server": _SERVER[state]} for state in STATES
}

# Without a handshake there is no state before `open`; what has no word in JSON may be sent and is not told.
PLAIN: dict[State, dict[Sender, Kinds]] = {
    state: {
        "client": _PLAIN_CLIENT[state],
        "server": plain | _SERVER[state] if plain else NOTHING,
    }
    for state, plain in _PLAIN_SERVER.items()
}

ROLES: dict[Role, Kinds] = {"viewer": _sent_by("viewer"), "controller": _sent_by("controller")}

NEXT: dict[tuple[State, type[Message]], State] = {
    (state, kind): following
    for kind in (*CLIENT_KINDS, *SERVER_KINDS)
    for state, following in steps_of(kind).items()
    if following != state
}


def allowed(dialect: Dialect, state: State, sender: Sender) -> Kinds:
    """Return what `sender` may send."""
    return (PLAIN if dialect == "plain" else NATIVE)[state][sender]


def after(state: State, kind: type[Message]) -> State:
    """Return the state that follows when a message of this kind was sent or received."""
    return NEXT.get((state, kind), state)
