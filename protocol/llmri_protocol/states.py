"""Who may send what when, as a table."""

from typing import Literal, get_args

import msgspec

from llmri_protocol.messages import (
    Attribute,
    Attribution,
    Bye,
    Chat,
    ClearInterventions,
    Compare,
    Comparison,
    EditHistory,
    Edits,
    Error,
    Hello,
    Influence,
    Intervene,
    LogitLens,
    MeasureInfluence,
    Notice,
    Ping,
    Progress,
    ReadLens,
    Redo,
    Reply,
    RePrefill,
    Role,
    Scan,
    Sender,
    ShowJournal,
    Stop,
    Subscribe,
    Token,
    TurnEnd,
    TurnStart,
    Undo,
    Welcome,
)
from llmri_protocol.plain import PlainClientMessage, PlainServerMessage

Dialect = Literal["undecided", "native", "plain"]
State = Literal["hello", "welcome", "open", "closing", "closed"]
Kinds = frozenset[type[msgspec.Struct]]

STATES: dict[State, str] = {
    "hello": "connected; nothing was said yet",
    "welcome": "`hello` was said and accepted; `welcome` was not yet sent",
    "open": "the handshake is done",
    "closing": "the client broke a rule that ends the connection; the server tells it why",
    "closed": "over",
}

NOTHING: Kinds = frozenset()
LOOKING: Kinds = frozenset({Subscribe, Ping, ShowJournal})
TOUCHING: Kinds = frozenset(
    {
        Chat,
        Stop,
        Intervene,
        Undo,
        Redo,
        ClearInterventions,
        RePrefill,
        MeasureInfluence,
        Attribute,
        Compare,
        ReadLens,
    }
)
MEASURED: Kinds = frozenset({EditHistory, Progress, Influence, Attribution, Comparison, LogitLens})
REPORTS: Kinds = MEASURED.union({TurnStart, Token, Scan, TurnEnd, Edits, Reply, Error, Notice, Bye})

# A client need not wait for `welcome`: its commands may follow `hello` in the same segment.
NATIVE: dict[State, dict[Sender, Kinds]] = {
    "hello": {"client": frozenset({Hello}), "server": frozenset({Error, Bye})},
    "welcome": {"client": LOOKING | TOUCHING, "server": frozenset({Welcome, Error, Bye})},
    "open": {"client": LOOKING | TOUCHING, "server": REPORTS},
    "closing": {"client": NOTHING, "server": REPORTS},
    "closed": {"client": NOTHING, "server": NOTHING},
}

PLAIN_COMMANDS: Kinds = frozenset(get_args(PlainClientMessage))
PLAIN_REPORTS: Kinds = REPORTS | frozenset(get_args(PlainServerMessage))

# Without a handshake there is no state before `open`; what has no word in JSON may be sent and is not told.
PLAIN: dict[State, dict[Sender, Kinds]] = {
    "hello": {"client": NOTHING, "server": NOTHING},
    "welcome": {"client": NOTHING, "server": NOTHING},
    "open": {
        "client": PLAIN_COMMANDS,
        "server": PLAIN_REPORTS,
    },
    "closing": {"client": NOTHING, "server": PLAIN_REPORTS},
    "closed": {"client": NOTHING, "server": NOTHING},
}

ROLES: dict[Role, Kinds] = {"viewer": LOOKING, "controller": LOOKING | TOUCHING}

NEXT: dict[tuple[State, type[msgspec.Struct]], State] = {
    ("hello", Hello): "welcome",
    ("hello", Error): "closed",
    ("hello", Bye): "closed",
    ("welcome", Welcome): "open",
    ("welcome", Error): "closed",
    ("welcome", Bye): "closed",
    ("open", Bye): "closed",
    ("closing", Bye): "closed",
}


def allowed(dialect: Dialect, state: State, sender: Sender) -> Kinds:
    """Give what `sender` may send."""
    return (PLAIN if dialect == "plain" else NATIVE)[state][sender]


def after(state: State, kind: type[msgspec.Struct]) -> State:
    """Give the state that follows when a message of this kind was sent or received."""
    return NEXT.get((state, kind), state)
