"""The wire, without I/O: frames, messages, codecs and connection states.

A server's shell drives a `ServerConnection`, a client's a `ClientConnection`; `scan_message` and `array_of`
stand between arrays and scans. `docs/protocol.md` is made from this package.
"""

# ruff: noqa: F403, F405, PLE0604 - what stands in the catalogue is not named here again

from llmri_protocol.arrays import array_of, row_stats, scan_message, to_wish
from llmri_protocol.codec import decode, encode
from llmri_protocol.connection import (
    ClientConnection,
    FromClient,
    FromServer,
    ServerConnection,
    token_matches,
)
from llmri_protocol.errors import CODES, Code, LocalProtocolError, ProtocolError, RemoteProtocolError
from llmri_protocol.fields import Dialect, State
from llmri_protocol.frames import CLIENT_LIMIT, SERVER_LIMIT, Buffer, FrameReceiver
from llmri_protocol.messages import *
from llmri_protocol.messages import NAMES as _NATIVE
from llmri_protocol.plain import *
from llmri_protocol.plain import NAMES as _PLAIN

__all__ = [
    "CLIENT_LIMIT",
    "CODES",
    "PROTOCOL_VERSION",
    "SERVER_LIMIT",
    "SILENCE",
    "AttributionMethod",
    "Baseline",
    "Buffer",
    "ClientConnection",
    "ClientMessage",
    "Code",
    "Command",
    "Dialect",
    "EndReason",
    "FrameReceiver",
    "FromClient",
    "FromServer",
    "LocalProtocolError",
    "Message",
    "Operation",
    "Phase",
    "PlainClientMessage",
    "PlainServerMessage",
    "PositionKind",
    "Positions",
    "ProtocolError",
    "RemoteProtocolError",
    "Role",
    "ScanDtype",
    "ServerConnection",
    "ServerMessage",
    "State",
    "WishedDtype",
    "array_of",
    "decode",
    "decode_plain",
    "encode",
    "encode_plain",
    "row_stats",
    "scan_message",
    "to_wish",
    "token_matches",
    "type_of",
    *_NATIVE,
    *_PLAIN,
]
