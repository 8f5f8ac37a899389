"""Small bytes stay small in memory: sequences have a greatest length, spans are counted first."""

import tracemalloc
from collections.abc import Iterator
from datetime import date
from typing import get_args

import msgpack  # type: ignore[import-untyped]
import pytest
from msgspec import inspect

from llmri_protocol import plain
from llmri_protocol.codec import decode
from llmri_protocol.edit_sets import MARK, EditSet, EditSetError, from_toml
from llmri_protocol.errors import RemoteProtocolError
from llmri_protocol.fields import MOST_NUMBERS, MOST_TEXT
from llmri_protocol.messages import ClientMessage, ServerMessage
from llmri_protocol.spans import numbers_of

KINDS = [
    *get_args(ClientMessage),
    *get_args(ServerMessage),
    *get_args(plain.PlainClientMessage),
    *get_args(plain.PlainServerMessage),
    EditSet,
]


def unbounded(kind: inspect.Type, place: str) -> Iterator[str]:  # noqa: C901 - a case a kind of type
    """Every place in a type where a peer may put as many things as it likes."""
    match kind:
        case inspect.Metadata():
            yield from unbounded(kind.type, place)
        case inspect.UnionType():
            for each in kind.types:
                yield from unbounded(each, place)
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() | inspect.FrozenSetType():
            if kind.max_length is None:
                yield place
            yield from unbounded(kind.item_type, f"{place}[]")
        case inspect.DictType():
            if kind.max_length is None:
                yield place
            yield from unbounded(kind.value_type, f"{place}{{}}")
        case inspect.StructType():
            for field in kind.fields:
                yield from unbounded(field.type, f"{place}.{field.encode_name}")
        case inspect.AnyType() | inspect.RawType():
            yield place


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_sequence_of_a_message_has_a_greatest_length(kind: type) -> None:
    assert list(unbounded(inspect.type_info(kind), kind.__name__)) == []


@pytest.mark.parametrize(
    ("kind", "field"),
    [("comparison", "kl"), ("attribution", "effects"), ("edits", "edits"), ("welcome", "edits")],
)
def test_a_long_body_of_small_numbers_is_refused_before_it_grows(kind: str, field: str) -> None:
    body = msgpack.packb({"type": kind, field: [1] * (MOST_TEXT + 1)})
    tracemalloc.start()
    with pytest.raises(RemoteProtocolError, match=r"at most|array"):
        decode(body, "server")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20


def test_an_array_may_be_as_long_as_a_frame() -> None:
    body = msgpack.packb({"type": "scan", "data": b"0" * (MOST_TEXT + 1)})
    with pytest.raises(RemoteProtocolError, match="is missing"):
        decode(body, "server")


def document(edit: str, times: int) -> str:
    head = f"""{MARK} = 1
name = "bomb"
made = {date(2026, 1, 1)}
[model]
name = "m"
family = "llama"
layers = 4
sites = {{}}
"""
    return head + f'[[edits]]\nsite = "z"\nlayer = 0\n{edit}\n' * times


@pytest.mark.parametrize("key", ["units", "heads", "positions"])
def test_spans_of_a_document_are_counted_together_before_they_are_written_out(key: str) -> None:
    bomb = document(f'{key} = "0-65535"' if key == "positions" else f'{key} = "0-1048575"', 60)
    assert len(bomb) < 5000
    tracemalloc.start()
    with pytest.raises(EditSetError, match="at most"):
        from_toml(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60 * MOST_NUMBERS


def test_a_large_document_that_people_make_is_read() -> None:
    """20,000 units over 32 layers, one edit a layer."""
    read = from_toml(document('units = "0-624"', 32))
    assert sum(len(edit.units) for edit in read.edits) == 20_000


def test_a_span_is_counted_before_it_is_written_out() -> None:
    assert numbers_of("0-3,7", 5) == (0, 1, 2, 3, 7)
    with pytest.raises(ValueError, match="at most 4 numbers"):
        numbers_of("0-3,7", 4)
    with pytest.raises(ValueError, match="at most"):
        numbers_of("0-9999999999999999")
