from typing import Any, get_args

import msgpack  # type: ignore[import-untyped]
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmri_protocol import (
    Attribution,
    Bye,
    Candidate,
    Chat,
    ClientMessage,
    Edit,
    Influence,
    Intervene,
    LocalProtocolError,
    Ping,
    RemoteProtocolError,
    Scan,
    Stats,
    Token,
    array_of,
    decode,
    encode,
    scan_message,
)
from llmri_protocol.codec import announced_version
from tests.protocol.strategies import CLIENT_KINDS, SERVER_KINDS, Kind, messages

EXAMPLES = 25  # of each kind of message


def body_of(message: Any) -> bytes:
    frame = b"".join(encode(message))
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    return frame[4:]


def scan_of(rows: np.ndarray[Any, Any], **changes: Any) -> Scan:
    scan = scan_message(
        rows,
        "f32",
        turn=1,
        token=2,
        phase="generate",
        site="resid_post",
        layers=tuple(range(len(rows))),
        time=3.0,
    )
    return msgspec.structs.replace(scan, **changes)


def refused(body: bytes) -> RemoteProtocolError:
    with pytest.raises(RemoteProtocolError) as caught:
        decode(body, "client")
    return caught.value


@pytest.mark.parametrize("kind", CLIENT_KINDS)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_every_client_message_survives_the_wire(kind: Kind, data: st.DataObject) -> None:
    message = data.draw(messages(kind))
    assert decode(body_of(message), "client") == message


@pytest.mark.parametrize("kind", SERVER_KINDS)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_every_server_message_survives_the_wire(kind: Kind, data: st.DataObject) -> None:
    message = data.draw(messages(kind))
    assert decode(body_of(message), "server") == message


@pytest.mark.parametrize("kind", CLIENT_KINDS + SERVER_KINDS)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_a_foreign_messagepack_reads_every_message(kind: Kind, data: st.DataObject) -> None:
    message = data.draw(messages(kind))
    expected = msgspec.to_builtins(message, builtin_types=(memoryview, bytes))
    if isinstance(message, Scan):
        expected["data"] = bytes(message.data)
    assert msgpack.unpackb(body_of(message), use_list=False) == expected


@pytest.mark.parametrize("length", [0, 1, 255, 256, 65535, 65536])
def test_a_payload_of_any_length_gets_the_right_header(length: int) -> None:
    scan = scan_of(
        np.zeros((1, 1), np.float32), dtype="u8", shape=(1, length), data=memoryview(bytes(length))
    )
    assert msgpack.unpackb(body_of(scan), max_bin_len=2**20)["data"] == bytes(length)


def test_an_array_goes_out_without_a_copy() -> None:
    rows = np.arange(8, dtype=np.float32).reshape(2, 4)
    _, payload = encode(scan_of(rows))
    assert np.shares_memory(np.frombuffer(payload, np.float32), rows)


def test_an_array_comes_in_without_a_copy() -> None:
    body = np.frombuffer(body_of(scan_of(np.arange(8, dtype=np.float32).reshape(2, 4))), np.uint8)
    scan = decode(body.data, "server")
    assert isinstance(scan, Scan)
    assert np.shares_memory(np.frombuffer(scan.data, np.float32), body)


def test_data_that_is_not_contiguous_is_refused_here() -> None:
    with pytest.raises(LocalProtocolError, match="contiguous"):
        encode(scan_of(np.zeros((1, 2), np.float32), data=memoryview(bytes(16))[::2]))


def test_a_message_over_the_limit_is_refused_here_with_both_numbers() -> None:
    with pytest.raises(LocalProtocolError, match=r"`chat` of \d+ bytes .* at most 100"):
        encode(Chat(id=1, text="x" * 200), limit=100)
    with pytest.raises(LocalProtocolError, match=r"`scan` of \d+ bytes .* at most 500"):
        encode(scan_of(np.zeros((1, 1000), np.float32)), limit=500)


@pytest.mark.parametrize("message", [Ping(id=2**70), Bye(reason="\ud800")])
def test_a_value_without_a_place_in_messagepack_is_refused_here(message: ClientMessage) -> None:
    with pytest.raises(LocalProtocolError, match="cannot be encoded"):
        encode(message)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"", "bad_body", "truncated"),
        (b"\xc1", "bad_body", "no valid MessagePack"),
        (b"\x93\x01\x02\x03", "bad_body", "no map"),
        (msgpack.packb({"type": "ping", "id": 1}) + b"\x00", "bad_body", "trailing"),
        (b"\x82\xa2id\x01\xa1z" + b"\x91" * 100_000, "bad_body", "nested too deeply"),
        (msgpack.packb({"id": 1}), "bad_field", "the key `type` is missing"),
        (msgpack.packb({"type": 5}), "bad_field", "`type`"),
        (
            msgpack.packb({"type": "pong", "id": 1}),
            "unknown_type",
            "unknown type 'pong', expected one of",
        ),
        (msgpack.packb({"type": "scan", "id": 1}), "unknown_type", "unknown type 'scan'"),
        (msgpack.packb({"type": "ping"}), "bad_field", "the key `id` is missing"),
        (msgpack.packb({"type": "ping", "id": -1}), "bad_field", "`id`"),
        (msgpack.packb({"type": "ping", "id": 1, "extra": 2}), "bad_field", "there is no key `extra`"),
        (msgpack.packb({"type": "chat", "id": 1, "text": ""}), "bad_field", "`text`"),
        (b"\x83\xa4type\xa4chat\xa2id\x01\xa4text\xa1\xff", "bad_field", "UTF-8"),
    ],
)
def test_a_bad_body_is_named_and_the_connection_lives_on(body: bytes, code: str, message: str) -> None:
    error = refused(body)
    assert error.code == code
    assert message in error.message
    assert not error.fatal


def test_a_bad_edit_is_named_by_its_place() -> None:
    edits = [{"site": "a", "layer": 0, "units": [1]}, {"site": "a", "layer": 0, "units": [1, -2]}]
    error = refused(msgpack.packb({"type": "intervene", "id": 9, "edits": edits}))
    assert "`edits[1].units[1]`" in error.message
    assert error.answer().id == 9


@pytest.mark.parametrize("wrong", [{"type": "pong"}, {"type": "chat"}, {"type": "ping", "more": [[1]]}])
def test_the_id_of_a_bad_command_is_recovered(wrong: dict[str, object]) -> None:
    assert refused(msgpack.packb({**wrong, "id": 77})).id == 77


@pytest.mark.parametrize("wrong", [-1, "7", None, 2**60, 1.0])
def test_an_id_that_is_none_is_not_recovered(wrong: object) -> None:
    assert refused(msgpack.packb({"type": "pong", "id": wrong})).id is None


def test_an_error_does_not_send_back_a_megabyte() -> None:
    assert len(refused(msgpack.packb({"type": "x" * 1_000_000})).message) < 300
    assert len(refused(msgpack.packb({"type": "ping", "id": 1, "y" * 1_000_000: 1})).message) <= 500


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": (2, 5)}, "32 bytes, expected 40 for f32 2 x 5 in `data`"),
        ({"dtype": "f16"}, "32 bytes, expected 16 for f16 2 x 4 in `data`"),
        ({"layers": (1,)}, "1 layers, expected 2, as in `shape` in `layers`"),
        (
            {"stats": Stats(min=(0.0, 0.0), max=(0.0, 0.0), mean=(0.0,), std=(0.0, 0.0))},
            "1 numbers, expected 2, as in `shape` in `stats.mean`",
        ),
    ],
)
def test_a_scan_whose_sizes_disagree_is_refused_with_both_numbers(
    changes: dict[str, Any], message: str
) -> None:
    body = body_of(scan_of(np.zeros((2, 4), np.float32), **changes))
    with pytest.raises(RemoteProtocolError) as caught:
        decode(body, "server")
    assert caught.value.code == "bad_field"
    assert message in caught.value.message


INFLUENCE = Influence(
    id=1,
    site="z",
    layers=(0, 3),
    shape=(2, 3),
    positions=5,
    kl=0.5,
    gains=(),
    losses=(),
    seconds=0.1,
    data=np.arange(6, dtype=np.float32).tobytes(),
)
ATTRIBUTION = Attribution(
    id=1,
    site="z",
    layer=0,
    method="gradient",
    target=Candidate(id=1, text="a", logprob=-1.0),
    checked=(),
    effects=(),
    pearson=None,
    spearman=None,
    seconds=0.1,
    data=np.arange(3, dtype=np.float32).tobytes(),
)


def test_what_was_measured_comes_as_an_array() -> None:
    np.testing.assert_array_equal(array_of(INFLUENCE), [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(array_of(ATTRIBUTION), [0, 1, 2])


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (
            msgspec.structs.replace(INFLUENCE, shape=(2, 4)),
            "24 bytes, expected 32 for f32 2 x 4 in `data`",
        ),
        (
            msgspec.structs.replace(INFLUENCE, layers=(1,)),
            "1 layers, expected 2, as in `shape` in `layers`",
        ),
        (msgspec.structs.replace(ATTRIBUTION, data=b"12345"), "5 bytes, expected a multiple of 4"),
    ],
)
def test_a_result_whose_sizes_disagree_is_refused_with_both_numbers(
    result: Influence | Attribution, message: str
) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode(body_of(result), "server")
    assert caught.value.code == "bad_field"
    assert message in caught.value.message


def test_a_hello_of_another_version_is_recognised_by_its_number_alone() -> None:
    later = msgpack.packb({"type": "hello", "protocol": 9, "greeting": {"new": True}})
    assert announced_version(later) == 9
    assert announced_version(msgpack.packb({"type": "ping", "id": 1})) is None
    assert announced_version(b"\x91" * 100_000) is None


def test_not_a_number_travels_because_only_the_server_can_judge_it() -> None:
    edit = Edit(site="a", layer=0, units=(1,), value=float("nan"))
    message = decode(body_of(Intervene(id=1, edits=(edit,))), "client")
    assert isinstance(message, Intervene)
    assert np.isnan(message.edits[0].value)


def test_every_type_of_message_has_a_name_of_its_own() -> None:
    for kinds in (CLIENT_KINDS, SERVER_KINDS):  # `playback` goes both ways
        names = [kind.__struct_config__.tag for kind in kinds]
        assert len(set(names)) == len(names)
    assert Ping in get_args(ClientMessage)


def test_a_field_left_out_has_its_default() -> None:
    body = msgpack.packb({"type": "token", "turn": 1, "token": 0, "phase": "prompt", "id": 5, "text": "a"})
    assert decode(body, "server") == Token(turn=1, token=0, phase="prompt", id=5, text="a")
