"""Every message of the native dialect, as typed values.

The tables of `docs/protocol.md` are made from these classes: a field's meaning is the text in its
`Meta`, a message's meaning the first line of its docstring.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

PROTOCOL_VERSION = 1

Role = Literal["viewer", "controller"]
Sender = Literal["client", "server"]
Phase = Literal["prompt", "generate"]
Operation = Literal["scale"]
Positions = Literal["all", "last"]
WishedDtype = Literal["native", "f32", "u8"]
ScanDtype = Literal["f32", "f16", "bf16", "u8"]
EndReason = Literal["end", "length", "stopped", "context", "error"]
Level = Literal["info", "warning"]

Name = Annotated[str, Meta(max_length=256)]
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
Layers = Annotated[tuple[Layer, ...], Meta(max_length=MOST_ROWS)]
PerRow = Annotated[tuple[float, ...], Meta(max_length=MOST_ROWS)]
Seconds = Annotated[float, Meta(description="seconds since 1970-01-01 UTC, on the sender's clock")]


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a message."""


class Message(Value, frozen=True, kw_only=True, tag_field="type", omit_defaults=False):
    """A whole body: a map whose `type` names the class."""


class Edit(Value, frozen=True, kw_only=True):
    """One intervention: what happens to some units of one site in one layer."""

    site: Site
    layer: Layer
    units: Annotated[tuple[Unit, ...], Meta(min_length=1, max_length=MOST_UNITS, description="unit numbers")]
    op: Annotated[Operation, Meta(description="`scale` multiplies")] = "scale"
    value: Annotated[float, Meta(description="the multiplier: 0 ablates, 1 changes nothing")] = 0.0
    positions: Annotated[Positions, Meta(description="`all` positions of a pass, or only its `last`")] = "all"


class SiteCard(Value, frozen=True, kw_only=True):
    """A site the model has."""

    name: Site
    width: Annotated[Count, Meta(description="units in a layer")]
    editable: Annotated[bool, Meta(description="whether `intervene` may name it")]
    unit: Annotated[Name, Meta(description="what one unit is, such as `MLP neuron`")]


class ProtectedUnit(Value, frozen=True, kw_only=True):
    """A unit whose ablation breaks the model."""

    site: Site
    layer: Layer
    unit: Unit
    evidence: Annotated[str, Meta(description="what was measured")]


class ModelCard(Value, frozen=True, kw_only=True):
    """What the server runs."""

    name: Annotated[Name, Meta(description="the model's name")]
    runtime: Annotated[Name, Meta(description="`torch` or another runtime's name")]
    family: Annotated[Name, Meta(description="the architecture, such as `llama`")]
    layers: Annotated[Count, Meta(description="blocks")]
    hidden_size: Annotated[Count, Meta(description="width of the residual stream")]
    heads: Annotated[Count, Meta(description="attention heads in a block")]
    vocabulary: Annotated[Count, Meta(description="tokens it knows")]
    context: Annotated[Count, Meta(description="the longest sequence, in tokens")]
    dtype: Annotated[ScanDtype, Meta(description="dtype of `native` scans")]
    device: Annotated[Name, Meta(description="where it runs, such as `cpu`")]
    chat: Annotated[bool, Meta(description="whether a chat template is used")]
    sites: Annotated[tuple[SiteCard, ...], Meta(description="sites found in this model")]
    absent: Annotated[tuple[Site, ...], Meta(description="sites not found in this model")] = ()
    protected: Annotated[
        tuple[ProtectedUnit, ...], Meta(description="units that are only edited by force")
    ] = ()
    default_site: Annotated[Site, Meta(description="the site to show first")] = "resid_post"
    default_layer: Annotated[Layer, Meta(description="the layer to show first")] = 0


class Limits(Value, frozen=True, kw_only=True):
    """The server's limits, in bytes and messages."""

    client_frame: Annotated[Count, Meta(description="longest body a client may send, in bytes")]
    server_frame: Annotated[Count, Meta(description="longest body the server sends, in bytes")]
    queue: Annotated[Count, Meta(description="scans kept for a slow client before the oldest go")]
    prompt_positions: Annotated[Count, Meta(description="last positions of a prompt that are scanned")]


class Candidate(Value, frozen=True, kw_only=True):
    """A token the model might have chosen."""

    id: Annotated[Count, Meta(description="its number in the vocabulary")]
    text: Annotated[str, Meta(description="its text")]
    logprob: Annotated[float, Meta(description="natural logarithm of its probability")]


class Stats(Value, frozen=True, kw_only=True):
    """Statistics of each row of a scan, over its finite values, taken before any quantising."""

    min: Annotated[PerRow, Meta(description="the least of each row")]
    max: Annotated[PerRow, Meta(description="the greatest of each row")]
    mean: Annotated[PerRow, Meta(description="their mean")]
    std: Annotated[PerRow, Meta(description="population standard deviation")]


# From a client.


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """The first frame: who is calling."""

    protocol: Annotated[Count, Meta(description="the version the client speaks")]
    client: Annotated[Name, Meta(description="who calls, such as `llmri view 0.1.0`")]
    role: Annotated[Role, Meta(description="a `viewer` looks, a `controller` may also chat and edit")]
    token: Annotated[str | None, Meta(description="the server's access token, where it has one")] = None


class Subscribe(Message, frozen=True, kw_only=True, tag="subscribe"):
    """Say which scans to send; replaces what was asked before."""

    id: CommandId
    sites: Annotated[tuple[Site, ...], Meta(max_length=64, description="sites; none ends the scans")]
    layers: Annotated[Layers | None, Meta(description="null means every layer")] = None
    dtype: Annotated[WishedDtype, Meta(description="`u8` scales each row to its min and max")] = "native"
    every: Annotated[int, Meta(ge=1, lt=2**31, description="every n-th token only")] = 1
    prompt_tokens: Annotated[bool, Meta(description="whether prompt positions are wanted")] = True


class Chat(Message, frozen=True, kw_only=True, tag="chat"):
    """Say something to the model; turns queue."""

    id: CommandId
    text: Annotated[str, Meta(min_length=1, description="what is said")]
    new: Annotated[bool, Meta(description="forget the conversation so far first")] = False


class Stop(Message, frozen=True, kw_only=True, tag="stop"):
    """End the reply that is being generated."""

    id: CommandId


class Intervene(Message, frozen=True, kw_only=True, tag="intervene"):
    """Add edits, all of them or none; a unit's later edit replaces its earlier one."""

    id: CommandId
    edits: Annotated[tuple[Edit, ...], Meta(min_length=1, description="in order")]
    force: Annotated[bool, Meta(description="edit protected units too, where the server allows it")] = False


class Undo(Message, frozen=True, kw_only=True, tag="undo"):
    """Take back the last change of the edits."""

    id: CommandId


class Redo(Message, frozen=True, kw_only=True, tag="redo"):
    """Make the change again that was taken back last."""

    id: CommandId


class ClearInterventions(Message, frozen=True, kw_only=True, tag="clear_interventions"):
    """Remove every edit."""

    id: CommandId


class Ping(Message, frozen=True, kw_only=True, tag="ping"):
    """Ask for a reply and nothing else."""

    id: CommandId


# From the server.


class Welcome(Message, frozen=True, kw_only=True, tag="welcome"):
    """The answer to `hello`."""

    protocol: Annotated[Count, Meta(description="the version the server speaks")]
    session: Annotated[Name, Meta(description="changes when the server restarts")]
    card: Annotated[ModelCard, Meta(description="what it runs")]
    edits: Annotated[tuple[Edit, ...], Meta(description="the edits that stand")]
    limits: Annotated[Limits, Meta(description="what it takes and sends")]


class TurnStart(Message, frozen=True, kw_only=True, tag="turn_start"):
    """A turn begins: somebody said something."""

    turn: TurnNumber
    prompt: Annotated[str, Meta(description="what was said")]
    new: Annotated[bool, Meta(description="whether the conversation began anew")] = False
    time: Seconds


class Token(Message, frozen=True, kw_only=True, tag="token"):
    """One token of a turn: read from the prompt, or chosen."""

    turn: TurnNumber
    token: Annotated[Count, Meta(description="its number inside the turn, from 0, prompt included")]
    phase: TokenPhase
    id: Annotated[Count, Meta(description="its number in the vocabulary")]
    text: Annotated[str, Meta(description="its text, with its spaces")]
    logprob: Annotated[float | None, Meta(description="natural logarithm; null in a prompt")] = None
    entropy: Annotated[float | None, Meta(description="of the distribution it came from, in nats")] = None
    top: Annotated[tuple[Candidate, ...], Meta(description="the ten likeliest, likeliest first")] = ()


class Scan(Message, frozen=True, kw_only=True, tag="scan"):
    """The activations of some layers at one site, at one token's position."""

    turn: TurnNumber
    token: Annotated[Count, Meta(description="the token that stood here as input, by its number in the turn")]
    phase: TokenPhase
    site: Site
    layers: Annotated[Layers, Meta(description="which layer each row is")]
    dtype: Annotated[ScanDtype, Meta(description="what `data` holds")]
    shape: Annotated[tuple[Count, Count], Meta(description="`[layers, width]`")]
    stats: Annotated[Stats, Meta(description="statistics of each row")]
    time: Seconds
    data: Annotated[memoryview, Meta(description="rows in order, little-endian; always the last entry")]


class TurnEnd(Message, frozen=True, kw_only=True, tag="turn_end"):
    """A turn is over."""

    turn: TurnNumber
    reason: Annotated[EndReason, Meta(description="`end` of turn, `length` limit, `stopped`, ...")]
    text: Annotated[str, Meta(description="the whole reply")]
    tokens: Annotated[Count, Meta(description="tokens generated")]
    seconds: Annotated[float, Meta(description="how long it took")]


class Edits(Message, frozen=True, kw_only=True, tag="edits"):
    """The edits that now stand, sent to everybody after every change."""

    edits: Annotated[tuple[Edit, ...], Meta(description="all that stand, in order")]
    revision: Annotated[Count, Meta(description="grows with every change")]
    undoable: Annotated[Count, Meta(description="changes that can be undone")]
    redoable: Annotated[Count, Meta(description="changes that can be made again")]
    by: Annotated[Name, Meta(description="the client that changed them")]


class Reply(Message, frozen=True, kw_only=True, tag="reply"):
    """The command with this id was carried out."""

    id: CommandId
    turn: Annotated[Count | None, Meta(description="for `chat`: the number its turn has")] = None
    time: Seconds


class Error(Message, frozen=True, kw_only=True, tag="error"):
    """Something was refused; without an id it concerns the connection."""

    code: Annotated[Name, Meta(description="a word for programs, such as `bad_field`")]
    message: Annotated[str, Meta(description="a sentence for people")]
    id: Annotated[Count | None, Meta(description="the command that was refused")] = None


class Notice(Message, frozen=True, kw_only=True, tag="notice"):
    """Something worth telling: scans dropped, a context trimmed."""

    level: Annotated[Level, Meta(description="how much it matters")]
    message: Annotated[str, Meta(description="a sentence for people")]
    dropped: Annotated[Count, Meta(description="scans dropped for this client so far")] = 0


class Bye(Message, frozen=True, kw_only=True, tag="bye"):
    """The server ends the connection on purpose."""

    reason: Annotated[str, Meta(description="a sentence for people")]


ClientMessage = Hello | Subscribe | Chat | Stop | Intervene | Undo | Redo | ClearInterventions | Ping
ServerMessage = Welcome | TurnStart | Token | Scan | TurnEnd | Edits | Reply | Error | Notice | Bye
Command = Subscribe | Chat | Stop | Intervene | Undo | Redo | ClearInterventions | Ping


def type_of(message: msgspec.Struct | type[msgspec.Struct]) -> str:
    """Give the name that a message or its class has on the wire."""
    return str(message.__struct_config__.tag)
