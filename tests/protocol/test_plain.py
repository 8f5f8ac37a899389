import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_protocol import (
    Bye,
    Edits,
    Error,
    InterventionActive,
    InterventionsCleared,
    LocalProtocolError,
    Notice,
    PlainClearInterventions,
    PlainIntervention,
    PlainPing,
    Pong,
    RemoteProtocolError,
    Reply,
    Stats,
    Token,
    TurnEnd,
    TurnStart,
    decode_plain,
    encode_plain,
    scan_message,
)
from llmri_protocol.plain import PlainServerMessage
from tests.protocol.strategies import PLAIN_CLIENT_KINDS, Kind, messages


def told(message: Any) -> list[Any]:
    """Return what a client that knows JSON only reads."""
    frames = [bytes(buffer) for buffer in encode_plain(message)]
    assert all(int.from_bytes(frame[:4], "big") == len(frame) - 4 for frame in frames)
    return [json.loads(frame[4:]) for frame in frames]


def test_a_scan_is_told_one_layer_at_a_time() -> None:
    rows = np.array([[1.0, -2.0, 0.5], [0.0, 4.0, 8.0]], np.float32)
    scan = scan_message(
        rows, "f32", turn=5, token=12, phase="generate", site="resid_post", layers=(22, 30), time=7.5
    )
    first, second = told(scan)
    assert list(first) == [
        "type", "timestamp", "layer", "turn", "token", "shape", "dtype", "activations", "stats"
    ]  # fmt: skip
    assert first["stats"].pop("mean") == pytest.approx(-1 / 6)
    assert first["stats"].pop("std") == pytest.approx(rows[0].std())
    assert first == {
        "type": "scan",
        "timestamp": 7.5,
        "layer": 22,
        "turn": 5,
        "token": 12,
        "shape": [3],
        "dtype": "float32",
        "activations": "0000803f000000c00000003f",
        "stats": {"min": -2.0, "max": 1.0},
    }
    assert second["layer"] == 30
    assert np.frombuffer(bytes.fromhex(second["activations"]), "<f4").tolist() == [0.0, 4.0, 8.0]


@pytest.mark.parametrize("wish", ["native", "f32", "u8"])
def test_a_scan_of_any_dtype_is_told_as_float32(wish: Any) -> None:
    bits = np.array([[0x3F80, 0xC000]], np.uint16)
    scan = scan_message(
        bits, "bf16", turn=1, token=0, phase="prompt", site="z", layers=(0,), time=0.0, wish=wish
    )
    assert told(scan)[0]["activations"] == "0000803f000000c0"


def test_a_statistic_that_is_no_number_is_null() -> None:
    scan = scan_message(
        np.zeros((1, 1), np.float32),
        "f32",
        turn=1,
        token=0,
        phase="prompt",
        site="z",
        layers=(0,),
        time=0.0,
        stats=Stats(min=(float("nan"),), max=(float("inf"),), mean=(0.0,), std=(0.0,)),
    )
    assert told(scan)[0]["stats"] == {"min": None, "max": None, "mean": 0.0, "std": 0.0}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (TurnStart(turn=5, prompt="hi", time=2.0), {"type": "turn_start", "timestamp": 2.0, "turn": 5}),
        (InterventionActive(count=2, layer=22), {"type": "intervention_active", "count": 2, "layer": 22}),
        (InterventionActive(count=0, layer=None), {"type": "intervention_active", "count": 0, "layer": None}),
        (InterventionsCleared(), {"type": "interventions_cleared"}),
        (Pong(timestamp=1.5), {"type": "pong", "timestamp": 1.5}),
        (
            Error(code="bad_field", message="no", id=None),
            {"type": "error", "code": "bad_field", "message": "no"},
        ),
    ],
)
def test_what_has_a_word_is_told_in_exactly_these_words(
    message: PlainServerMessage, expected: dict[str, Any]
) -> None:
    assert told(message) == [expected]


@pytest.mark.parametrize(
    "message",
    [
        Token(turn=1, token=0, phase="prompt", id=1, text="a"),
        TurnEnd(turn=1, reason="end", text="", tokens=0, seconds=0.0),
        Edits(edits=(), revision=0, undoable=0, redoable=0, by="a"),
        Reply(id=1, time=0.0),
        Notice(level="info", message="a"),
        Bye(reason="a"),
    ],
)
def test_what_has_no_word_is_not_told(message: Any) -> None:
    assert told(message) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b'{"type":"intervention","layer":22,"interventions":{"127":0.0,"384":1.5}}',
            PlainIntervention(layer=22, interventions={127: 0.0, 384: 1.5}),
        ),
        (
            b'{"type": "intervention", "layer": null, "interventions": {}}',
            PlainIntervention(layer=None, interventions={}),
        ),
        (b'{"type":"clear_interventions"}', PlainClearInterventions()),
        (b'{"type":"ping"}', PlainPing()),
    ],
)
def test_a_client_may_say_exactly_this(body: bytes, message: Any) -> None:
    assert decode_plain(body) == message


@pytest.mark.parametrize("kind", PLAIN_CLIENT_KINDS)
@given(data=st.data())
def test_every_client_message_written_by_plain_json_is_understood(kind: Kind, data: st.DataObject) -> None:
    message = data.draw(messages(kind).filter(lambda each: "inf" not in repr(each)))
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    body = json.dumps({"type": kind.__struct_config__.tag, **fields}).encode()
    assert decode_plain(body) == message


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"", "bad_body", "no valid JSON"),
        (b"{", "bad_body", "no valid JSON"),
        (b"[1]", "bad_body", "no map"),
        (b'{"type":"ping"} {}', "bad_body", "trailing"),
        (b'{"a":' + b"[" * 100_000, "bad_body", "nested too deeply"),
        (b'{"type":"chat"}', "unknown_type", "expected one of intervention, clear_interventions, ping"),
        (b'{"type":"ping","id":1}', "bad_field", "there is no key `id`"),
        (b'{"type":"intervention","layer":1}', "bad_field", "`interventions`"),
        (b'{"type":"intervention","interventions":{}}', "bad_field", "`layer`"),
        (b'{"type":"intervention","layer":-1,"interventions":{}}', "bad_field", "`layer`"),
        (b'{"type":"intervention","layer":1,"interventions":{"x":0}}', "bad_field", "`interventions`"),
        (b'{"type":"intervention","layer":1,"interventions":{"-1":0}}', "bad_field", "`interventions`"),
        (
            b'{"type":"intervention","layer":1,"interventions":{"1":"0"}}',
            "bad_field",
            "`interventions[...]`",
        ),
        (b'{"type":"intervention","layer":1,"interventions":{"1":1e999}}', "bad_field", "out of range"),
        (b'{"type":"intervention","layer":1,"interventions":{"1":NaN}}', "bad_body", "no valid JSON"),
        (b'{"type":"\xff"}', "bad_field", "UTF-8"),
    ],
)
def test_a_bad_message_is_named_and_the_connection_lives_on(body: bytes, code: str, message: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_plain(body)
    assert caught.value.code == code
    assert message in caught.value.message
    assert not caught.value.fatal


def test_a_message_over_the_limit_is_refused_here_with_both_numbers() -> None:
    with pytest.raises(
        LocalProtocolError, match=r"`error` of \d+ bytes is too long, the peer takes at most 50"
    ):
        encode_plain(Error(code="a", message="x" * 100), limit=50)
