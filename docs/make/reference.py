"""Tables and byte dumps of messages, in Markdown, made from the message classes."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import msgspec
from msgspec import inspect

from llmri_protocol.catalogue import Message, type_of
from llmri_protocol.codec import KNOWN, encode
from llmri_protocol.frames import LENGTH

Kind = type[msgspec.Struct]

BYTES_A_LINE = 16
LONGEST_NOTE = 60
POWERS = {2**exponent: f"2^{exponent}" for exponent in (16, 20, 31, 32, 53, 62)}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    head = list(head)
    cells = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells)


def overview(kinds: Iterable[Kind]) -> str:
    """Return a table of messages and what each means."""
    return table(
        ("type", "meaning"), ((f"[`{type_of(kind)}`](#{anchor(kind)})", summary(kind)) for kind in kinds)
    )


def sections(kinds: Iterable[Kind], level: int = 4) -> str:
    """Return a section with a table of fields for each message or part of one."""
    return "\n\n".join(section(kind, level) for kind in kinds)


def section(kind: Kind, level: int) -> str:
    """Return the section of one class: its first docstring line, then a table of its fields."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)  # noqa: S101
    rows = [_row(field) for field in info.fields]
    parts = [f"{'#' * level} {title(kind)}", summary(kind)]
    if rows:
        parts.append(table(("field", "type", "default", "meaning"), rows))
    return "\n\n".join(parts)


def parts_of(kinds: Iterable[Kind]) -> tuple[Kind, ...]:
    """Return what these messages are made of, in order of use; those of one module stand together."""
    inside = chain.from_iterable(_structs(inspect.type_info(kind)) for kind in kinds)
    found = [part for part in dict.fromkeys(inside) if not issubclass(part, Message)]
    modules = list(dict.fromkeys(part.__module__ for part in found))
    return tuple(sorted(found, key=lambda part: modules.index(part.__module__)))


def title(kind: Kind) -> str:
    """Return the heading of a class: a message's type, a part's name; namesakes are told apart."""
    if not issubclass(kind, Message):
        return kind.__name__
    if kind.dialect == "plain":
        return f"`{type_of(kind)}` (plain)"
    both_ways = kind.sender == "server" and type_of(kind) in KNOWN["client"]
    return f"`{type_of(kind)}` (from the server)" if both_ways else f"`{type_of(kind)}`"


def anchor(kind: Kind) -> str:
    """Return the heading's anchor, as GitHub makes it."""
    return title(kind).lower().replace("`", "").replace("(", "").replace(")", "").replace(" ", "-")


def summary(kind: Kind) -> str:
    """Return the first line of a docstring."""
    return (kind.__doc__ or "").splitlines()[0]


def default(field: inspect.Field) -> str:
    """Return a field's default as it would be written in JSON."""
    if field.required:
        return "required"
    made = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return f"`{msgspec.json.encode(made).decode()}`"


def meaning(info: inspect.Type) -> str:
    """Return the description of a type's `Meta`."""
    if isinstance(info, inspect.Metadata):
        return str((info.extra_json_schema or {}).get("description", "")) or meaning(info.type)
    return ""


def in_words(info: inspect.Type) -> str:
    """Return a type in words."""
    return _WORDS[type(info)](info)


def dump(data: bytes, note: str) -> str:
    """Return bytes as lines of hexadecimal digits, a note beside the first."""
    pieces = [data[start : start + BYTES_A_LINE] for start in range(0, len(data), BYTES_A_LINE)]
    notes = [shorten(note), *[""] * len(pieces)]
    lines = (
        f"{piece.hex(' '):<{3 * BYTES_A_LINE}} {note}" for piece, note in zip(pieces, notes, strict=False)
    )
    return "\n".join(line.rstrip() for line in lines)


def shorten(note: str) -> str:
    """Return a note that fits beside its bytes."""
    return note if len(note) <= LONGEST_NOTE else note[: LONGEST_NOTE - 1] + "…"


def native_dump(message: Message) -> str:
    """Return a native frame's real bytes, an entry of the map a paragraph."""
    return "\n".join(dump(data, note) for data, note in native_parts(message))


def native_parts(message: Message) -> list[tuple[bytes, str]]:
    """Return a native frame in parts with what each is; together they are the frame.

    Only for messages of fewer than 16 entries.
    """
    frame = b"".join(encode(message))
    entries: dict[str, Any] = msgspec.to_builtins(message, builtin_types=(memoryview,))
    body = LENGTH.size
    parts = [
        (frame[:body], f"the body has {len(frame) - body} bytes"),
        (frame[body : body + 1], f"a map of {len(entries)} entries"),
    ]
    for key, value in entries.items():
        data = isinstance(value, memoryview)
        shown = f"{len(value)} bytes" if data else msgspec.json.encode(value).decode()
        parts.append((msgspec.msgpack.encode(key) + msgspec.msgpack.encode(value), f"{key}: {shown}"))
    return parts


def _structs(info: inspect.Type) -> Iterator[Kind]:
    """Yield the classes inside a type, each before what it is made of itself."""
    match info:
        case inspect.Metadata():
            yield from _structs(info.type)
        case inspect.UnionType():
            yield from chain.from_iterable(map(_structs, info.types))
        case inspect.TupleType():
            yield from chain.from_iterable(map(_structs, info.item_types))
        case inspect.VarTupleType():
            yield from _structs(info.item_type)
        case inspect.DictType():
            yield from chain(_structs(info.key_type), _structs(info.value_type))
        case inspect.StructType():
            yield info.cls
            yield from chain.from_iterable(_structs(field.type) for field in info.fields)


def _row(field: inspect.Field) -> tuple[str, ...]:
    return f"`{field.name}`", in_words(field.type), default(field), meaning(field.type)


def _range(info: inspect.IntType) -> str:
    low = "" if info.ge is None else f" from {info.ge}"
    high = "" if info.lt is None else f" below {POWERS.get(info.lt, info.lt)}"
    most = "" if info.le is None else f" to {info.le}"
    return low + high + most


def _length(info: inspect.StrType | inspect.VarTupleType) -> str:
    limits = []
    if info.min_length:
        limits.append(f"at least {info.min_length}")
    if info.max_length:
        limits.append(f"at most {POWERS.get(info.max_length, info.max_length)}")
    return f" ({', '.join(limits)})" if limits else ""


_WORDS: dict[type[inspect.Type], Callable[[Any], str]] = {
    inspect.Metadata: lambda info: in_words(info.type),
    inspect.IntType: lambda info: "integer" + _range(info),
    inspect.FloatType: lambda _: "float",
    inspect.StrType: lambda info: "text" + _length(info),
    inspect.BoolType: lambda _: "boolean",
    inspect.NoneType: lambda _: "null",
    inspect.MemoryViewType: lambda _: "binary",
    inspect.BytesType: lambda _: "binary",
    inspect.LiteralType: lambda info: " or ".join(f"`{value}`" for value in info.values),
    inspect.UnionType: lambda info: " or ".join(in_words(part) for part in info.types),
    inspect.VarTupleType: lambda info: f"array of {in_words(info.item_type)}{_length(info)}",
    inspect.TupleType: lambda info: (
        f"array of exactly {len(info.item_types)}: " + ", ".join(in_words(part) for part in info.item_types)
    ),
    inspect.DictType: lambda info: f"map of {in_words(info.key_type)} to {in_words(info.value_type)}",
    inspect.StructType: lambda info: f"[{info.cls.__name__}](#{anchor(info.cls)})",
}
