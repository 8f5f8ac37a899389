"""The plain dialect: JSON, for a client of ten lines.

It has no handshake. The server's own messages are translated into it: scans, one a layer, turn starts
and errors; what else the native dialect tells has no word here.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from llmri_protocol.arrays import array_of, memory_of
from llmri_protocol.errors import LocalProtocolError
from llmri_protocol.frames import LONGEST_BODY, Buffer, header
from llmri_protocol.messages import (
    MOST_UNITS,
    Attribution,
    Bye,
    Comparison,
    Count,
    EditHistory,
    Edits,
    Error,
    Influence,
    Layer,
    LogitLens,
    Message,
    Name,
    Notice,
    Progress,
    Reply,
    Scan,
    Seconds,
    ServerMessage,
    Token,
    TurnEnd,
    TurnNumber,
    TurnStart,
    Unit,
    Value,
    Welcome,
    type_of,
)
from llmri_protocol.refusals import DECODING_FAILURES, refusal

FIRST_BYTE = 0x7B  # `{`; in MessagePack it would be the number 123, and a body is always a map
HANDSHAKE = 5.0  # seconds that a client has to say who it is, from its first packet, TLS included
SILENCE = 0.5  # seconds without a byte after which a client is taken for a plain one

# From a client.


class PlainIntervention(Message, frozen=True, kw_only=True, tag="intervention"):
    """Multiply units; replaces what this client set before."""

    layer: Annotated[Layer | None, Meta(description="block number, from 0; null means every layer")]
    interventions: Annotated[
        dict[Unit, float],
        Meta(
            max_length=MOST_UNITS,
            description="unit number, as a string, to multiplier: 0 ablates, 1 changes nothing",
        ),
    ]


class PlainClearInterventions(Message, frozen=True, kw_only=True, tag="clear_interventions"):
    """Remove every edit."""


class PlainPing(Message, frozen=True, kw_only=True, tag="ping"):
    """Ask for a `pong` and nothing else."""


# From the server.


class RowStats(Value, frozen=True, kw_only=True):
    """Statistics of one layer's activations, over the finite values."""

    min: Annotated[float, Meta(description="the least")]
    max: Annotated[float, Meta(description="the greatest")]
    mean: Annotated[float, Meta(description="their mean")]
    std: Annotated[float, Meta(description="population standard deviation")]


class PlainScan(Message, frozen=True, kw_only=True, tag="scan"):
    """The activations of one layer, at one token's position."""

    timestamp: Seconds
    layer: Layer
    turn: TurnNumber
    token: Annotated[Count, Meta(description="its number inside the turn, from 0, prompt included")]
    shape: Annotated[tuple[Count], Meta(description="`[width]`")]
    dtype: Annotated[Literal["float32"], Meta(description="always this")] = "float32"
    activations: Annotated[str, Meta(description="hexadecimal digits of little-endian float32")]
    stats: Annotated[RowStats, Meta(description="statistics of this layer")]


class PlainTurnStart(Message, frozen=True, kw_only=True, tag="turn_start"):
    """A turn begins: somebody said something."""

    timestamp: Seconds
    turn: TurnNumber


class InterventionActive(Message, frozen=True, kw_only=True, tag="intervention_active"):
    """The answer to `intervention`: it applies from the next forward pass on."""

    count: Annotated[Count, Meta(description="units that this client edits now")]
    layer: Annotated[Layer | None, Meta(description="as it was asked; null means every layer")]


class InterventionsCleared(Message, frozen=True, kw_only=True, tag="interventions_cleared"):
    """The answer to `clear_interventions`."""


class Pong(Message, frozen=True, kw_only=True, tag="pong"):
    """The answer to `ping`."""

    timestamp: Seconds


class PlainError(Message, frozen=True, kw_only=True, tag="error"):
    """Something was refused."""

    code: Annotated[Name, Meta(description="a word for programs, such as `bad_field`")]
    message: Annotated[str, Meta(description="a sentence for people")]


PlainClientMessage = PlainIntervention | PlainClearInterventions | PlainPing
PlainServerMessage = (
    PlainScan | PlainTurnStart | InterventionActive | InterventionsCleared | Pong | PlainError
)

_KNOWN = tuple(type_of(kind) for kind in (PlainIntervention, PlainClearInterventions, PlainPing))
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[PlainClientMessage] = msgspec.json.Decoder(PlainClientMessage)
_error_decoder = msgspec.json.Decoder(PlainError)


def encode_plain(message: PlainServerMessage | ServerMessage, limit: int = LONGEST_BODY) -> list[Buffer]:
    """Give a message's frames as buffers to send one after another: none where the dialect has no word.

    Raises:
        LocalProtocolError: A value has no place in JSON, or a body is longer than `limit` bytes.
    """
    return [_frame(translated, limit) for translated in _translations(message)]


def decode_plain(body: Buffer) -> PlainClientMessage:
    """Give the message in a body that a client sent.

    Raises:
        RemoteProtocolError: `bad_body`, `unknown_type` or `bad_field`; none of them is fatal.
    """
    try:
        return _decoder.decode(body)
    except DECODING_FAILURES as failure:
        raise refusal(failure, "JSON", _KNOWN) from None


def plain_error(body: Buffer) -> Error | None:
    """Give the `error` that a plain body is, as the native dialect has it; None for any other body."""
    try:
        refused = _error_decoder.decode(body)
    except DECODING_FAILURES:
        return None
    return Error(code=refused.code, message=refused.message)


def _translations(message: PlainServerMessage | ServerMessage) -> Iterator[PlainServerMessage]:
    match message:
        case Scan():
            yield from _scans(message)
        case TurnStart():
            yield PlainTurnStart(timestamp=message.time, turn=message.turn)
        case Error():
            yield PlainError(code=message.code, message=message.message)
        case Welcome() | Token() | TurnEnd() | Edits() | Reply() | Notice() | Bye():
            return
        case EditHistory() | Progress() | Influence() | Attribution() | Comparison() | LogitLens():
            return
        case _:
            yield message


def _scans(scan: Scan) -> Iterator[PlainScan]:
    stats = scan.stats
    rows = zip(scan.layers, array_of(scan), stats.min, stats.max, stats.mean, stats.std, strict=True)
    for layer, row, low, high, mean, std in rows:
        yield PlainScan(
            timestamp=scan.time,
            layer=layer,
            turn=scan.turn,
            token=scan.token,
            shape=(len(row),),
            activations=memory_of(row).hex(),
            stats=RowStats(min=low, max=high, mean=mean, std=std),
        )


def _frame(message: PlainServerMessage, limit: int) -> bytes:
    try:
        body = _encoder.encode(message)
    except (TypeError, ValueError, OverflowError) as error:
        raise LocalProtocolError(f"a `{type_of(message)}` cannot be encoded: {error}") from error
    if len(body) > limit:
        raise LocalProtocolError(
            f"a `{type_of(message)}` of {len(body)} bytes is too long, the peer takes at most {limit}"
        )
    return header(len(body)) + body
