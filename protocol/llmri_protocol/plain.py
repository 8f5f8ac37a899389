"""The plain dialect: JSON, for a client of ten lines.

It has no handshake. The server's own messages are translated into it: scans, one a layer, turn starts
and errors; what else the native dialect tells has no word here. Which form a message has, its class says.
"""

# ruff: noqa: F403 - what stands in the catalogue is not named here again

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import msgspec

from llmri_protocol import catalogue
from llmri_protocol.catalogue import type_of
from llmri_protocol.errors import LocalProtocolError
from llmri_protocol.frames import LONGEST_BODY, Buffer, header
from llmri_protocol.messages import Error, ServerMessage
from llmri_protocol.plain_messages import *
from llmri_protocol.plain_messages import PlainError
from llmri_protocol.refusals import DECODING_FAILURES, refusal

FIRST_BYTE = 0x7B  # `{`; in MessagePack it would be the number 123, and a body is always a map
HANDSHAKE = 5.0  # seconds that a client has to say who it is, from its first packet, TLS included
SILENCE = 0.5  # seconds without a byte after which a client is taken for a plain one

PLAIN_CLIENT_KINDS = catalogue.kinds_of(catalogue.PlainClientMessage, globals(), "plain_messages")
PLAIN_SERVER_KINDS = catalogue.kinds_of(catalogue.PlainServerMessage, globals(), "plain_messages")
catalogue.check_answers(PLAIN_CLIENT_KINDS, PLAIN_SERVER_KINDS)

if TYPE_CHECKING:  # the base stands for all below it
    PlainClientMessage = catalogue.PlainClientMessage
    PlainServerMessage = catalogue.PlainServerMessage
else:
    PlainClientMessage = reduce(or_, PLAIN_CLIENT_KINDS)
    PlainServerMessage = reduce(or_, PLAIN_SERVER_KINDS)

NAMES = [kind.__name__ for kind in (*PLAIN_CLIENT_KINDS, *PLAIN_SERVER_KINDS)]

_KNOWN = tuple(map(type_of, PLAIN_CLIENT_KINDS))
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[PlainClientMessage] = msgspec.json.Decoder(PlainClientMessage)
_error_decoder = msgspec.json.Decoder(PlainError)


def encode_plain(message: PlainServerMessage | ServerMessage, limit: int = LONGEST_BODY) -> list[Buffer]:
    """Return a message's frames as buffers to send one after another: none where the dialect has no word.

    Raises:
        LocalProtocolError: A value has no place in JSON, or a body is longer than `limit` bytes.
    """
    form = message.entry.plain
    return [] if form is None else [_frame(translated, limit) for translated in form(message)]


def decode_plain(body: Buffer) -> PlainClientMessage:
    """Return the message in a body that a client sent.

    Raises:
        RemoteProtocolError: `bad_body`, `unknown_type` or `bad_field`; none of them is fatal.
    """
    try:
        return _decoder.decode(body)
    except DECODING_FAILURES as failure:
        raise refusal(failure, "JSON", _KNOWN) from None


def plain_error(body: Buffer) -> Error | None:
    """Return the `error` that a plain body is, as the native dialect has it; None for any other body."""
    try:
        refused = _error_decoder.decode(body)
    except DECODING_FAILURES:
        return None
    return Error(code=refused.code, message=refused.message)


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
