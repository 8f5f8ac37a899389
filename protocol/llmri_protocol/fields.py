"""What the fields of messages may hold, and the base of every part of one."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from llmri_protocol.operations import Operation

__all__ = [
    "ITEM_SIZES",
    "MOST_POSITIONS",
    "MOST_ROWS",
    "MOST_UNITS",
    "PROTOCOL_VERSION",
    "AttributionMethod",
    "Baseline",
    "CommandId",
    "Count",
    "Dialect",
    "EndReason",
    "Layer",
    "Layers",
    "Level",
    "Name",
    "Operation",
    "PerRow",
    "Phase",
    "PlaybackState",
    "PositionKind",
    "ProtectionTest",
    "Role",
    "SaidBy",
    "ScanDtype",
    "Seconds",
    "Sender",
    "Site",
    "State",
    "TokenPhase",
    "TurnNumber",
    "Unit",
    "Value",
    "WishedDtype",
]

PROTOCOL_VERSION = 2

Role = Literal["viewer", "controller"]
Sender = Literal["client", "server"]
Dialect = Literal["undecided", "native", "plain"]
State = Literal["hello", "welcome", "open", "closing", "closed"]
Phase = Literal["prompt", "generate"]
PositionKind = Literal["all", "prompt", "generated", "last"]
Baseline = Literal["calibration", "conversation"]
ProtectionTest = Literal["massive", "loss", "list"]
AttributionMethod = Literal["gradient", "integrated"]
WishedDtype = Literal["native", "f32", "f16", "u8"]
ScanDtype = Literal["f32", "f16", "bf16", "u8"]
EndReason = Literal["end", "length", "stopped", "context", "error"]
Level = Literal["info", "warning"]
SaidBy = Literal["system", "user", "assistant"]
PlaybackState = Literal["playing", "paused"]

ITEM_SIZES: dict[ScanDtype, int] = {"f32": 4, "f16": 2, "bf16": 2, "u8": 1}  # bytes

LONGEST_NAME = 256
LONGEST_REASON = 1024  # why a site is absent, in characters
Name = Annotated[str, Meta(max_length=LONGEST_NAME)]
Count = Annotated[int, Meta(ge=0, lt=2**53)]
CommandId = Annotated[int, Meta(ge=0, lt=2**53, description="chosen by the client; the answer carries it")]
Site = Annotated[str, Meta(max_length=64, description="a site's name, such as `resid_post`")]
TurnNumber = Annotated[int, Meta(ge=0, lt=2**53, description="turn number, from 1")]
TokenPhase = Annotated[Phase, Meta(description="whether the token was read in a prompt or generated")]
Layer = Annotated[int, Meta(ge=0, lt=2**20, description="block number, from 0")]
Unit = Annotated[int, Meta(ge=0, lt=2**32, description="unit number, from 0")]
# Caps on what small bytes can blow up to: a decoded float takes 32 bytes, on the wire it may take one.
MOST_ROWS = 4096
MOST_UNITS = 2**20
MOST_POSITIONS = 2**16
MOST_NUMBERS = 2**21  # units, heads and positions of a whole document of edits
MOST_STANDING = 2**16  # edits that stand
MOST_TOKENS = 2**20  # of a reply
MOST_CANDIDATES = 1024
MOST_CHANGES = 1024
MOST_SITES = 64
MOST_SAID = 2**16  # messages of a conversation
MOST_STOPS = 8
MOST_SKIPPED = 64
MOST_TEXT = 16 << 20  # bytes of a body without an array
Layers = Annotated[tuple[Layer, ...], Meta(max_length=MOST_ROWS)]
PerRow = Annotated[tuple[float, ...], Meta(max_length=MOST_ROWS)]
Seconds = Annotated[float, Meta(description="seconds since 1970-01-01 UTC, on the sender's clock")]


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a message, or a document: what is not known in it is not read unseen."""


class Exact(Value, frozen=True, kw_only=True):
    """A part that is another thing without one of its fields: all of it is known, or it is not read."""


class Told(Value, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """A part of what a server tells: what a later server adds to it is passed over."""
