"""The native dialect: messages to buffers, bodies to messages.

The arrays of a message are its last fields, one or more, each a `memoryview`. It is encoded without them;
each array's own memory follows as a buffer of its own, so nothing is copied on the way out. On the way in
each is a view of the received body.
"""

from functools import cache
from itertools import takewhile
from typing import Annotated, Literal, NamedTuple, get_args, get_origin, overload

import msgspec

from llmri_protocol.catalogue import Command, Message, Mismatch, Numbers, type_of
from llmri_protocol.errors import LocalProtocolError, RemoteProtocolError
from llmri_protocol.fields import MOST_TEXT, CommandId, Sender
from llmri_protocol.frames import LENGTH, LONGEST_BODY, Buffer
from llmri_protocol.messages import CLIENT_KINDS, SERVER_KINDS, ClientMessage, ServerMessage
from llmri_protocol.plain_values import encodable
from llmri_protocol.refusals import DECODING_FAILURES, refusal

# MessagePack's three headers of binary data: marker, bytes of length, first length that is too long.
_BINARY_HEADERS = ((0xC4, 1, 1 << 8), (0xC5, 2, 1 << 16), (0xC6, 4, 1 << 32))
_NO_DATA = memoryview(b"")
_NO_DATA_LENGTH = 2  # of what the encoder writes for it: marker and length

_encoder = msgspec.msgpack.Encoder(enc_hook=encodable)  # what scripts put into messages may be numpy's
_client_decoder: msgspec.msgpack.Decoder[ClientMessage] = msgspec.msgpack.Decoder(ClientMessage)
_server_decoder: msgspec.msgpack.Decoder[ServerMessage] = msgspec.msgpack.Decoder(ServerMessage)


KNOWN: dict[Sender, tuple[str, ...]] = {
    "client": tuple(map(type_of, CLIENT_KINDS)),
    "server": tuple(map(type_of, SERVER_KINDS)),
}
WITH_ARRAY = frozenset(type_of(kind) for kind in SERVER_KINDS if issubclass(kind, Numbers))


class _Addressed(msgspec.Struct):
    """What is still read of a body that cannot be decoded."""

    id: CommandId | None = None


class _Typed(msgspec.Struct):
    """The same of one that is too long to be decoded unseen."""

    type: str = ""


class _Announced(msgspec.Struct):
    """What every version of `hello` and `welcome` has."""

    type: str
    protocol: int


_type_decoder = msgspec.msgpack.Decoder(_Typed)
_id_decoder = msgspec.msgpack.Decoder(_Addressed)
_version_decoder = msgspec.msgpack.Decoder(_Announced)


class _Arrays(NamedTuple):
    """What is worked out once of a kind of message for sending its arrays apart.

    Attributes:
        first: The first of the last fields that are arrays.
        blank: All of them, without their memory.
        others: The names of those after the first, each with its key as it is encoded.
        tail: Length of what the encoder makes of the blank ones, from the first one's header on.
    """

    first: str
    blank: dict[str, memoryview]
    others: tuple[tuple[str, bytes], ...]
    tail: int


@cache
def _arrays_of(kind: type[Message]) -> _Arrays | None:
    names = sent_apart(kind)
    others = tuple((name, _encoder.encode(name)) for name in names[1:])
    tail = len(names) * _NO_DATA_LENGTH + sum(len(key) for _, key in others)
    return _Arrays(names[0], dict.fromkeys(names, _NO_DATA), others, tail) if names else None


def sent_apart(kind: type[Message]) -> tuple[str, ...]:
    """Return the last fields of a message that are arrays: each is sent as a buffer of its own."""
    fields = reversed(msgspec.structs.fields(kind))
    arrays = takewhile(lambda field: _plain_type(field.type) is memoryview, fields)
    return tuple(field.encode_name for field in arrays)[::-1]


def encode(message: Message, limit: int = LONGEST_BODY) -> list[Buffer]:
    """Return a message's frame as buffers to send one after another.

    A scan is two buffers, of which the second is the memory of `data` itself.

    Raises:
        LocalProtocolError: A value has no place in MessagePack, or the body is longer than `limit` bytes.
    """
    arrays = _arrays_of(type(message))
    blank = message if arrays is None else msgspec.structs.replace(message, **arrays.blank)
    frame = bytearray(LENGTH.size)
    try:
        _encoder.encode_into(blank, frame, LENGTH.size)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise LocalProtocolError(f"a `{type_of(message)}` cannot be encoded: {error}") from error
    length = len(frame) - LENGTH.size
    buffers: list[Buffer] = [frame]
    if arrays is not None:
        length = _put_arrays(buffers, frame, message, arrays)
    if length > limit:
        raise LocalProtocolError(
            f"a `{type_of(message)}` of {length} bytes is too long, the peer takes at most {limit}"
        )
    LENGTH.pack_into(frame, 0, length)
    return buffers


@overload
def decode(body: Buffer, sender: Literal["client"]) -> ClientMessage: ...
@overload
def decode(body: Buffer, sender: Literal["server"]) -> ServerMessage: ...
def decode(body: Buffer, sender: Sender) -> ClientMessage | ServerMessage:
    """Return the message in a body that `sender` sent; a scan's `data` is a view of the body.

    Raises:
        RemoteProtocolError: `bad_body`, `unknown_type` or `bad_field`; none of them is fatal.
    """
    message: ClientMessage | ServerMessage
    if len(body) > MOST_TEXT:
        _refuse_bomb(body)
    try:
        message = _client_decoder.decode(body) if sender == "client" else _server_decoder.decode(body)
    except DECODING_FAILURES as failure:
        raise refusal(failure, "MessagePack", KNOWN[sender], _id_of(body)) from None
    check = message.entry.check
    if check is not None and (mismatch := check(message)) is not None:
        raise _mismatched(message, mismatch)
    return message


def type_name_of(body: Buffer) -> str:
    """Return the `type` of a body, whatever else is in it; empty if it has none."""
    try:
        return _type_decoder.decode(body).type
    except DECODING_FAILURES:
        return ""


def announced_version(body: Buffer, kind: str = "hello") -> int | None:
    """Return the protocol version of a `hello` or `welcome` whatever else is in it; None if it is none."""
    try:
        announced = _version_decoder.decode(body)
    except DECODING_FAILURES:
        return None
    return announced.protocol if announced.type == kind else None


def flat(data: memoryview) -> memoryview:
    """Return the same memory as bytes.

    Raises:
        LocalProtocolError: The memory is not contiguous.
    """
    if data.format == "B" and data.ndim == 1 and data.contiguous:
        return data
    if not data.c_contiguous:
        raise LocalProtocolError("a scan's data must be contiguous; send a copy")
    return data.cast("B") if data.nbytes else _NO_DATA


def _refuse_bomb(body: Buffer) -> None:
    """Refuse a long body of a message without an array: a number of one byte becomes one of 32 in memory.

    Raises:
        RemoteProtocolError: `bad_body`, with both numbers.
    """
    if type_name_of(body) not in WITH_ARRAY:
        raise RemoteProtocolError(
            "bad_body",
            f"a body without an array has {len(body):,} bytes, expected at most {MOST_TEXT:,}",
        )


def _plain_type(kind: object) -> object:
    """Return a field's type without what is only said of it."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _put_arrays(buffers: list[Buffer], frame: bytearray, message: Message, arrays: _Arrays) -> int:
    """Put the memory of a message's arrays behind its frame, which ends with empty ones; give the length."""
    array = flat(getattr(message, arrays.first))
    frame[-arrays.tail :] = _binary_header(len(array))
    if len(array):
        buffers.append(array)
    length = len(frame) - LENGTH.size + len(array)
    for name, key in arrays.others:
        array = flat(getattr(message, name))
        head = key + _binary_header(len(array))
        buffers += (head, array)
        length += len(head) + len(array)
    return length


def _binary_header(length: int) -> bytes:
    for marker, size, too_long in _BINARY_HEADERS:
        if length < too_long:
            return bytes((marker,)) + length.to_bytes(size, "big")
    raise LocalProtocolError(f"a scan's data of {length} bytes is too long, expected at most {LONGEST_BODY}")


def _mismatched(message: Message, mismatch: Mismatch) -> RemoteProtocolError:
    field, found, expected = mismatch
    return RemoteProtocolError(
        "bad_field",
        f"a `{type_of(message)}` has {found}, expected {expected} in `{field}`",
        id=message.id if isinstance(message, Command) else None,
    )


def _id_of(body: Buffer) -> int | None:
    """Recover the id of a command that cannot be decoded, so that its error can carry it."""
    try:
        return _id_decoder.decode(body).id
    except DECODING_FAILURES:
        return None
