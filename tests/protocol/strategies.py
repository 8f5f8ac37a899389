"""Hypothesis strategies for every message, made from the message classes themselves."""

from collections.abc import Callable
from functools import cache
from typing import Any, get_args

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from llmri_protocol import (
    Attribution,
    Chat,
    ClientMessage,
    Influence,
    Logits,
    PlainClientMessage,
    Said,
    Scan,
    ScanText,
    ServerMessage,
    Stats,
)
from llmri_protocol.fields import ITEM_SIZES

Kind = type[msgspec.Struct]

CLIENT_KINDS: tuple[Kind, ...] = get_args(ClientMessage)
SERVER_KINDS: tuple[Kind, ...] = get_args(ServerMessage)
PLAIN_CLIENT_KINDS: tuple[Kind, ...] = get_args(PlainClientMessage)

numbers = st.floats(allow_nan=False)


@cache
def messages(kind: Kind) -> st.SearchStrategy[Any]:
    """Return valid messages of one kind."""
    if kind is Scan:
        return scans()
    return struct(kind).map(FITTED[kind]) if kind in FITTED else struct(kind)


def struct(kind: Kind) -> st.SearchStrategy[Any]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return st.builds(kind, **{field.name: values(field.type) for field in info.fields})


def values(info: inspect.Type) -> st.SearchStrategy[Any]:
    return STRATEGIES[type(info)](info)


def real(info: inspect.FloatType) -> st.SearchStrategy[float]:
    if info.le is None:
        return numbers
    least = info.ge if info.gt is None else info.gt
    return st.floats(least, info.le, exclude_min=info.gt is not None)


STRATEGIES: dict[type[inspect.Type], Callable[[Any], st.SearchStrategy[Any]]] = {
    inspect.Metadata: lambda info: values(info.type),
    inspect.IntType: lambda info: st.integers(info.ge or 0, info.lt - 1 if info.lt else info.le or 2**63 - 1),
    inspect.FloatType: real,
    inspect.StrType: lambda info: st.text(min_size=info.min_length or 0, max_size=20),
    inspect.BytesType: lambda _: st.binary(max_size=64),
    inspect.MemoryViewType: lambda _: st.binary(max_size=64).map(memoryview),
    inspect.BoolType: lambda _: st.booleans(),
    inspect.NoneType: lambda _: st.none(),
    inspect.LiteralType: lambda info: st.sampled_from(info.values),
    inspect.UnionType: lambda info: st.one_of([values(part) for part in info.types]),
    inspect.VarTupleType: lambda info: st.lists(
        values(info.item_type), min_size=info.min_length or 0, max_size=4
    ).map(tuple),
    inspect.TupleType: lambda info: st.tuples(*(values(part) for part in info.item_types)),
    inspect.DictType: lambda info: st.dictionaries(
        values(info.key_type), values(info.value_type), max_size=4
    ),
    inspect.StructType: lambda info: struct(info.cls),
}


def sized(message: Influence) -> Influence:
    """Return the same result of a measurement with sizes that agree."""
    shape = (len(message.layers), 3)
    return msgspec.structs.replace(message, shape=shape, data=bytes(4 * shape[0] * shape[1]))


def said(message: Chat | ScanText) -> Chat | ScanText:
    """Return the same with either a text or messages."""
    if message.text is not None or (isinstance(message, ScanText) and message.raw):
        return msgspec.structs.replace(message, text=message.text or "hi", messages=None)
    messages = message.messages or (Said(role="user", content="hi"),)
    return msgspec.structs.replace(message, messages=messages)


FITTED: dict[Kind, Callable[[Any], Any]] = {
    Attribution: lambda message: msgspec.structs.replace(message, data=4 * message.data),
    Chat: said,
    Influence: sized,
    Logits: lambda message: msgspec.structs.replace(message, shape=(3, 5), data=memoryview(bytes(60))),
    ScanText: said,
}


@st.composite
def scans(draw: st.DrawFn) -> Scan:
    """Return scans whose sizes agree."""
    rows, width = draw(st.integers(0, 3)), draw(st.sampled_from([0, 1, 2, 63, 64, 300]))
    dtype = draw(st.sampled_from(sorted(ITEM_SIZES)))
    size = rows * width * ITEM_SIZES[dtype]
    per_row = st.lists(numbers, min_size=rows, max_size=rows).map(tuple)
    described = st.builds(Stats, min=per_row, max=per_row, mean=per_row, std=per_row)
    fields = inspect.type_info(Scan)
    assert isinstance(fields, inspect.StructType)
    drawn = {
        field.name: draw(values(field.type))
        for field in fields.fields
        if field.name in {"turn", "token", "phase", "site", "time", "revision", "command", "recomputed"}
    }
    return Scan(
        **drawn,
        layers=draw(st.lists(st.integers(0, 2**20 - 1), min_size=rows, max_size=rows).map(tuple)),
        dtype=dtype,
        shape=(rows, width),
        stats=draw(described if dtype == "u8" else st.none() | described),
        data=memoryview(draw(st.binary(min_size=size, max_size=size))),
    )


def any_message(kinds: tuple[Kind, ...]) -> st.SearchStrategy[Any]:
    return st.one_of([messages(kind) for kind in kinds])
