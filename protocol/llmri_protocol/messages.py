"""Every message of the native dialect, as typed values.

The tables of `docs/protocol.md` are made from these classes: a field's meaning is the text in its
`Meta`, a message's meaning the first line of its docstring.
"""

import msgspec

from llmri_protocol.commands import (
    Attribute,
    Chat,
    ClearInterventions,
    Compare,
    Hello,
    Intervene,
    MeasureInfluence,
    Ping,
    ReadLens,
    Redo,
    RePrefill,
    ShowJournal,
    Stop,
    Subscribe,
    Undo,
)
from llmri_protocol.edits import (
    Change,
    Edit,
    Positions,
    Schedule,
)
from llmri_protocol.fields import (
    MOST_POSITIONS,
    MOST_ROWS,
    MOST_UNITS,
    PROTOCOL_VERSION,
    AttributionMethod,
    Baseline,
    CommandId,
    Count,
    EndReason,
    Layer,
    Layers,
    Level,
    Message,
    Name,
    Operation,
    PerRow,
    Phase,
    PositionKind,
    ProtectionTest,
    Role,
    ScanDtype,
    Seconds,
    Sender,
    Site,
    TokenPhase,
    TurnNumber,
    Unit,
    Value,
    WishedDtype,
)
from llmri_protocol.parts import (
    Candidate,
    ComparedToken,
    LensLayer,
    Limits,
    ModelCard,
    ProtectedUnit,
    Shift,
    SiteCard,
    Stats,
)
from llmri_protocol.reports import (
    Attribution,
    Bye,
    Comparison,
    EditHistory,
    Edits,
    Error,
    Influence,
    LogitLens,
    Notice,
    Progress,
    Reply,
    Scan,
    Token,
    TurnEnd,
    TurnStart,
    Welcome,
)

Command = (
    Subscribe
    | Chat
    | Stop
    | Intervene
    | Undo
    | Redo
    | ClearInterventions
    | ShowJournal
    | RePrefill
    | MeasureInfluence
    | Attribute
    | Compare
    | ReadLens
    | Ping
)
ClientMessage = Hello | Command
ServerMessage = (
    Welcome
    | TurnStart
    | Token
    | Scan
    | TurnEnd
    | Edits
    | EditHistory
    | Progress
    | Influence
    | Attribution
    | Comparison
    | LogitLens
    | Reply
    | Error
    | Notice
    | Bye
)

__all__ = [
    "MOST_POSITIONS",
    "MOST_ROWS",
    "MOST_UNITS",
    "PROTOCOL_VERSION",
    "Attribute",
    "Attribution",
    "AttributionMethod",
    "Baseline",
    "Bye",
    "Candidate",
    "Change",
    "Chat",
    "ClearInterventions",
    "ClientMessage",
    "Command",
    "CommandId",
    "Compare",
    "ComparedToken",
    "Comparison",
    "Count",
    "Edit",
    "EditHistory",
    "Edits",
    "EndReason",
    "Error",
    "Hello",
    "Influence",
    "Intervene",
    "Layer",
    "Layers",
    "LensLayer",
    "Level",
    "Limits",
    "LogitLens",
    "MeasureInfluence",
    "Message",
    "ModelCard",
    "Name",
    "Notice",
    "Operation",
    "PerRow",
    "Phase",
    "Ping",
    "PositionKind",
    "Positions",
    "Progress",
    "ProtectedUnit",
    "ProtectionTest",
    "RePrefill",
    "ReadLens",
    "Redo",
    "Reply",
    "Role",
    "Scan",
    "ScanDtype",
    "Schedule",
    "Seconds",
    "Sender",
    "ServerMessage",
    "Shift",
    "ShowJournal",
    "Site",
    "SiteCard",
    "Stats",
    "Stop",
    "Subscribe",
    "Token",
    "TokenPhase",
    "TurnEnd",
    "TurnNumber",
    "TurnStart",
    "Undo",
    "Unit",
    "Value",
    "Welcome",
    "WishedDtype",
    "type_of",
]


def type_of(message: msgspec.Struct | type[msgspec.Struct]) -> str:
    """Give the name that a message or its class has on the wire."""
    return str(message.__struct_config__.tag)
