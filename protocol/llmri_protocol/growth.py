"""What a later peer of the same version may add, and how it is passed over.

Within a version, messages, optional fields and values (dtypes, kinds, reasons) may be added. The decoders
read what this end knows. Only a body that they refuse is looked at here: it is read again without what is not
known, and that is named. An `Exact` part is never read without something: it would be another thing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated

import msgspec
from msgspec import Meta, inspect

from llmri_protocol.codec import KNOWN, decode, type_name_of
from llmri_protocol.edits import Edit
from llmri_protocol.errors import RemoteProtocolError
from llmri_protocol.fields import LONGEST_NAME, MOST_SKIPPED, MOST_STANDING, Exact
from llmri_protocol.frames import Buffer
from llmri_protocol.messages import CLIENT_KINDS, SERVER_KINDS, ClientMessage, Message, ServerMessage
from llmri_protocol.operations import ABLATION
from llmri_protocol.refusals import DECODING_FAILURES

MOST_FIELDS = 256  # of one map; a longer one is refused as it is
SHOWN = 40  # characters of a name that a peer gives

Piece = msgspec.Raw

_encoder = msgspec.msgpack.Encoder()
_texts = msgspec.msgpack.Decoder(str)
_edits = msgspec.msgpack.Decoder(Edit)
_maps = msgspec.msgpack.Decoder(Annotated[dict[str, msgspec.Raw], Meta(max_length=MOST_FIELDS)])


class _UnknownValueError(Exception):
    """A field has a value that this end does not know, and nothing may stand for it; the words name both."""


def read_command(body: Buffer) -> tuple[ClientMessage, tuple[str, ...]]:
    """Return the message of a client, and the names of its fields that are not known here.

    Raises:
        RemoteProtocolError: As `decode` does; an unknown value is refused, and so is an edit with anything
            unknown in it.
    """
    try:
        return decode(body, "client"), ()
    except RemoteProtocolError as error:
        if error.code != "bad_field":
            raise
        reading = _Reading(values=False)
        known = reading.message(body, dict(zip(KNOWN["client"], CLIENT_KINDS, strict=True)))
        if not reading.fields:
            raise
    return decode(known, "client"), _each_once(reading.fields)


def read_report(body: Buffer) -> tuple[ServerMessage | None, tuple[str, ...]]:
    """Return the message of a server, None where it is passed over, and in words what is not known here.

    In place of an unknown value stands what the field's type names for that, or else the field's default;
    without one the message is passed over. An edit that cannot be read is told in `unread`. Unknown fields
    are not worded.

    Raises:
        RemoteProtocolError: As `decode` does, for what no later server sends.
    """
    try:
        return decode(body, "server"), ()
    except RemoteProtocolError as error:
        name = type_name_of(body)
        if name and name not in KNOWN["server"]:
            return None, (f"the message `{_short(name)}`",)
        if error.code != "bad_field":
            raise
        reading = _Reading(values=True)
        try:
            known = reading.message(body, dict(zip(KNOWN["server"], SERVER_KINDS, strict=True)))
        except _UnknownValueError as unknown:
            return None, (f"a `{name}` with {unknown}",)
        if not (reading.fields or reading.words):
            raise
    return decode(known, "server"), _each_once(f"{what} in `{name}`" for what in reading.words)


@dataclass
class _Reading:
    """One body without what this end does not know.

    Attributes:
        values: Whether unknown values are passed over too, not only unknown fields.
        fields: The unknown fields that were passed over, such as `sampling.mood`.
        words: What else was.
    """

    values: bool
    fields: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def message(self, body: Buffer, kinds: dict[str, type[Message]]) -> Buffer:
        """Return a body without what is not known."""
        kind = kinds.get(type_name_of(body))
        return body if kind is None else self._struct(msgspec.Raw(body), kind, "")

    def _struct(self, piece: Piece, kind: type[msgspec.Struct], path: str) -> Piece:
        entries = _map(piece)
        if issubclass(kind, Exact) or entries is None:
            return piece
        fields = _fields(kind)
        known = {name: entries[name] for name in entries if name in fields or name == "type"}
        self.fields += [f"{path}{_short(name)}" for name in entries if name not in known]
        if self.values and "unread" in fields:
            known |= self._unread(known)
        for name in [name for name in fields if name in known]:
            try:
                known[name] = self._value(known[name], fields[name].type, f"{path}{name}")
            except _UnknownValueError as unknown:
                if name in known and not self._replaced(known, fields[name]):
                    raise
                self.words.append(str(unknown))
        return msgspec.Raw(_encoder.encode(known))

    def _value(self, piece: Piece, info: inspect.Type, path: str) -> Piece:
        match info:
            case inspect.Metadata():
                return self._value(piece, info.type, path)
            case inspect.UnionType():
                for part in info.types:
                    piece = self._value(piece, part, path)
            case inspect.StructType():
                return self._struct(piece, info.cls, f"{path}.")
            case inspect.VarTupleType() if _has_structs(info.item_type):
                return self._entries(piece, info, f"{path}[]")
            case inspect.LiteralType() if self.values:
                text = _text(piece)
                if text is not None and text not in info.values:
                    raise _UnknownValueError(f"`{path}` as `{_short(text)}`")
        return piece

    def _entries(self, piece: Piece, info: inspect.VarTupleType, path: str) -> Piece:
        entries = _list(piece, info.max_length or MOST_STANDING)
        if entries is None:
            return piece
        return msgspec.Raw(_encoder.encode([self._value(entry, info.item_type, path) for entry in entries]))

    def _replaced(self, known: dict[str, Piece], unfit: inspect.Field) -> bool:
        """Let what the field's type names, or else its default, stand for an unknown value; is there one?"""
        instead = _instead_of(unfit)
        if instead is None and unfit.required:
            return False
        del known[unfit.encode_name]
        if instead is not None:
            known[unfit.encode_name] = msgspec.Raw(_encoder.encode(instead))
        return True

    def _unread(self, known: dict[str, Piece]) -> dict[str, Piece]:
        """Return the edits that can be read, and words for the others."""
        edits = _list(known["edits"], MOST_STANDING) if "edits" in known else None
        if edits is None:
            return {}
        words = {number: _edit_in_words(edit) for number, edit in enumerate(edits)}
        read = [edit for number, edit in enumerate(edits) if not words[number]]
        unread = [word for word in words.values() if word]
        self.words += [f"the edit {word}" for word in unread]
        told = _list(known["unread"], MOST_STANDING) if "unread" in known else None
        return {
            "edits": msgspec.Raw(_encoder.encode(read)),
            "unread": msgspec.Raw(_encoder.encode([*(told or []), *unread])),
        }


def _each_once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name[:LONGEST_NAME] for name in names))[:MOST_SKIPPED]


def _edit_in_words(piece: Piece) -> str:
    """Say what an edit is that cannot be read; empty for one that can."""
    try:
        _edits.decode(piece)
    except DECODING_FAILURES:
        entries = _map(piece) or {}
        op, site = (
            _short(_text(entries[name]) or "?") if name in entries else default
            for name, default in (("op", ABLATION), ("site", "?"))
        )
        return f"`{op}` at `{site}`"
    return ""


def _instead_of(unfit: inspect.Field) -> object:
    """Return what a field's type says that stands for unknown values; None where it says nothing."""
    extra = unfit.type.extra if isinstance(unfit.type, inspect.Metadata) else None
    return (extra or {}).get("unknown")


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, inspect.Field]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)  # noqa: S101
    return {each.encode_name: each for each in info.fields}


def _has_structs(info: inspect.Type) -> bool:
    inner = info.type if isinstance(info, inspect.Metadata) else info
    return isinstance(inner, inspect.StructType)


def _map(piece: Piece) -> dict[str, Piece] | None:
    try:
        entries: dict[str, Piece] = _maps.decode(piece)
        return entries
    except DECODING_FAILURES:
        return None


def _list(piece: Piece, most: int) -> list[Piece] | None:
    try:
        entries: list[Piece] = msgspec.msgpack.decode(
            piece, type=Annotated[list[msgspec.Raw], Meta(max_length=most)]
        )
        return entries
    except DECODING_FAILURES:
        return None


def _text(piece: Piece) -> str | None:
    try:
        return _texts.decode(piece)
    except DECODING_FAILURES:
        return None


def _short(name: str) -> str:
    return name if len(name) <= SHOWN else name[: SHOWN - 1] + "…"
