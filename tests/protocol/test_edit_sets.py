import json
import tomllib
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings

from llmri_protocol import Edit
from llmri_protocol.edit_sets import EditSet, EditSetError, from_json, from_toml, to_json, to_toml
from tests.protocol.edit_sets import EXAMPLE, documents

WRITE_READ = pytest.mark.parametrize(
    ("write", "read"), [(to_toml, from_toml), (to_json, from_json)], ids=["toml", "json"]
)


def bits(document: EditSet) -> bytes:
    """Return a document as MessagePack, which tells every float from every other."""
    return msgspec.msgpack.encode(msgspec.to_builtins(document))


@WRITE_READ
@settings(max_examples=60)
@given(document=documents)
def test_what_is_written_is_read_back_to_the_bit(
    write: Callable[[EditSet], str], read: Callable[[str], EditSet], document: EditSet
) -> None:
    assert bits(read(write(document))) == bits(document)


@WRITE_READ
def test_the_example_of_every_operation_survives(
    write: Callable[[EditSet], str], read: Callable[[str], EditSet]
) -> None:
    assert bits(read(write(EXAMPLE))) == bits(EXAMPLE)


def test_toml_writes_units_as_spans_and_leaves_defaults_out() -> None:
    text = to_toml(EXAMPLE)
    assert text.startswith('llmri_edits = 1\nname = "no sums"\nmade = 2026-11-21\n')
    assert '[[edits]]\nsite = "mlp_act"\nlayer = 3\nop = "scale"\nunits = "0-23,40"\nvalue = 0.0\n\n' in text
    assert "[edits.schedule]\nfirst = 2\ntokens = 8\nramp = 4\n" in text
    assert 'positions = "4-6,9"' in text


def test_json_is_an_edit_a_line_with_plain_arrays() -> None:
    text = to_json(EXAMPLE)
    assert len(text.splitlines()) == len(EXAMPLE.edits) + 2
    edit = json.loads(text)["edits"][0]
    assert edit == {
        "site": "mlp_act",
        "layer": 3,
        "op": "scale",
        "units": [*range(24), 40],
        "value": 0.0,
    }


def test_a_hand_may_write_arrays_and_whole_numbers_in_toml() -> None:
    text = """
llmri_edits = 1
name = "mine"
made = 2026-01-02
edits = [
    { site = "mlp_act", layer = 1, units = [3, 4], value = 2 },
    { site = "mlp_act", layer = 1, units = " 9 - 11, 3" },
]
[model]
name = "pocket"
family = "llama"
layers = 8
sites = {}
"""
    # A blank inside a span is a mistake, around one it is not.
    with pytest.raises(EditSetError, match=r"`9 - 11` in `units` of entry 2 of `edits`"):
        from_toml(text)
    assert from_toml(text.replace("9 - 11", "9-11")).edits == (
        Edit(site="mlp_act", layer=1, units=(3, 4), value=2.0),
        Edit(site="mlp_act", layer=1, units=(9, 10, 11, 3)),
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"llmri_edits": None}, "it is no set of edits: the key `llmri_edits` is missing"),
        ({"llmri_edits": 2}, "`llmri_edits` is 2, expected 1"),
        ({"made": None}, "the key `made` is missing"),
        ({"made": "some day"}, "in `made`"),
        ({"model": {"name": "a"}}, "the key `family` is missing in `model`"),
        ({"colour": "red"}, "there is no key `colour`"),
        ({"edits": 3}, "in `edits`"),
        ({"edits": [3]}, "in entry 1 of `edits`"),
        ({"edits": [{"site": "z"}]}, "the key `layer` is missing in entry 1 of `edits`"),
        (
            {"edits": [{"site": "z", "layer": 0, "op": "halve"}]},
            "`halve` is none of what it may be in `op` of entry 1 of `edits`",
        ),
        ({"edits": [{"site": "z", "layer": 0, "unit": 1}]}, "there is no key `unit` in entry 1 of `edits`"),
        (
            {"edits": [{"site": "z", "layer": 0, "value": "much"}]},
            "expected a number, got text in `value` of entry 1",
        ),
        ({"edits": [{"site": "z", "layer": 0, "positions": "first"}]}, "in `positions` of entry 1"),
        ({"edits": [{"site": "z", "layer": 0, "schedule": {"start": 1}}]}, "in `schedule` of entry 1"),
    ],
)
def test_a_broken_document_is_refused_by_its_key(change: dict[str, object], sentence: str) -> None:
    fields = {
        key: value for key, value in (json.loads(to_json(EXAMPLE)) | change).items() if value is not None
    }
    with pytest.raises(EditSetError) as caught:
        from_json(json.dumps(fields))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[1", "\0", "{" * 100_000, '"a"', "[]", "3"])
def test_what_is_no_document_is_refused_in_a_sentence(text: str) -> None:
    for read in (from_toml, from_json):
        with pytest.raises(EditSetError):
            read(text)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"0-23,40"', '"0-99999999"', "at most 1048576 numbers"),
        ('"0-23,40"', '"7-3"', "a span that grows, got `7-3`"),
        ('"0-23,40"', '"-3"', "got `-3` in `units` of entry 1 of `edits`"),
        ('"0-23,40"', '"9999999999"', "in entry 1 of `units` of entry 1 of `edits`"),
        ('direction = "', 'direction = "x, ', "in `direction` of entry 4"),
        ('direction = "', 'direction = "inf, ', "finite numbers only in `direction` of entry 4"),
        ("value = 1.5", "value = nan", "got nan in `value` of entry 4"),
    ],
)
def test_broken_numbers_in_toml_are_refused_by_their_key(old: str, new: str, sentence: str) -> None:
    text = to_toml(EXAMPLE)
    assert old in text
    tomllib.loads(text.replace(old, new))
    with pytest.raises(EditSetError) as caught:
        from_toml(text.replace(old, new))
    assert sentence in str(caught.value)


def test_what_neither_format_can_hold_is_not_written() -> None:
    broken = msgspec.structs.replace(
        EXAMPLE, edits=(Edit(site="z", layer=0, units=(1,), value=float("inf")),)
    )
    for write in (to_toml, to_json):
        with pytest.raises(EditSetError, match=r"got inf in `value` of entry 1"):
            write(broken)
