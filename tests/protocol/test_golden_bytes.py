"""Bytes as they are on the wire: once a version is released, a change here is a new protocol version."""

import numpy as np
import pytest

from docs.make.protocol import example_scan
from llmri_protocol import (
    Chat,
    Edit,
    Edits,
    Hello,
    Intervene,
    Message,
    PlainIntervention,
    Pong,
    Reply,
    Stop,
    Subscribe,
    Token,
    TurnStart,
    array_of,
    decode,
    decode_plain,
    encode,
    encode_plain,
)

HELLO = (
    "00000033"
    "85"
    "a474797065a568656c6c6f"
    "a870726f746f636f6c02"
    "a6636c69656e74a26d65"
    "a4726f6c65a6766965776572"
    "a5746f6b656ec0"
)
SCAN = (
    "000000fd"
    "8e"
    "a474797065a47363616e"
    "a47475726e05"
    "a5746f6b656e0c"
    "a57068617365a867656e6572617465"
    "a473697465aa72657369645f706f7374"
    "a66c6179657273921617"
    "a56474797065a462663136"
    "a57368617065920204"
    "a5737461747384"
    "a36d696e92cbc000000000000000cbbff0000000000000"
    "a36d617892cb3ff0000000000000cb4020000000000000"
    "a46d65616e92cbbfc0000000000000cb4006000000000000"
    "a373746492cb3ff2388ac0000000cb400c7ee080000000"
    "a474696d65cb3ff8000000000000"
    "a87265766973696f6e03"
    "a7636f6d6d616e64c0"
    "aa7265636f6d7075746564c2"
    "a464617461c410"
    "803f00c0003f0000"
    "00008040004180bf"
)


def test_hello() -> None:
    assert b"".join(encode(Hello(protocol=2, client="me", role="viewer"))).hex() == HELLO


def test_scan() -> None:
    assert b"".join(encode(example_scan())).hex() == SCAN
    scan = decode(bytes.fromhex(SCAN)[4:], "server")
    assert scan == example_scan()
    np.testing.assert_array_equal(array_of(scan), [[1, -2, 0.5, 0], [0, 4, 8, -1]])


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            Chat(id=1, text="hi"),
            "0000001783a474797065a463686174a2696401a474657874a26869",
        ),
        (
            Subscribe(id=2, sites=("z",)),
            "0000001d83a474797065a9737562736372696265a2696402a5736974657391a17a",
        ),
        (
            Intervene(id=3, edits=(Edit(site="z", layer=1, units=(127, 300), value=1.5),)),
            "000000a283a474797065a9696e74657276656e65a2696403a56564697473918da473697465a17aa5"
            "6c6179657201a5756e697473927fcd012ca5686561647390a26f70a57363616c65a576616c7565cb"
            "3ff8000000000000a9646972656374696f6e90a8626173656c696e65ab63616c6962726174696f6e"
            "a47365656400a9706f736974696f6e73a3616c6ca573696e6365c0a77370656369616cc3a8736368"
            "6564756c65c0",
        ),
        (
            Stop(id=4),
            "0000000f82a474797065a473746f70a2696404",
        ),
        (
            Edits(edits=(), revision=7, undoable=1, redoable=0, by="me", name="calm", stale_cache=True),
            "0000005689a474797065a56564697473a5656469747390a87265766973696f6e07a8756e646f6162"
            "6c6501a87265646f61626c6500a26279a26d65a46e616d65a463616c6da6756e7265616490ab7374"
            "616c655f6361636865c3",
        ),
        (
            Reply(id=1, turn=4, time=1.5),
            "0000002d85a474797065a57265706c79a2696401a47475726e04a7736b697070656490a474696d65"
            "cb3ff8000000000000",
        ),
        (
            TurnStart(turn=4, prompt="hi", time=1.5),
            "0000003c86a474797065aa7475726e5f7374617274a47475726e04a670726f6d7074a26869a36e65"
            "77c2a6636c69656e74a0a474696d65cb3ff8000000000000",
        ),
        (
            Token(turn=4, token=0, phase="prompt", id=17, text="hi"),
            "0000005c8ba474797065a5746f6b656ea47475726e04a5746f6b656e00a57068617365a670726f6d"
            "7074a2696411a474657874a26869a76c6f6770726f62c0a7656e74726f7079c0a3746f7090a87265"
            "766973696f6ec0a7636f6d6d616e64c0",
        ),
    ],
)
def test_other_messages(message: Message, expected: str) -> None:
    assert b"".join(encode(message)).hex() == expected


def test_plain_intervention() -> None:
    body = b'{"type":"intervention","layer":22,"interventions":{"127":0.0,"384":1.5}}'
    assert decode_plain(body) == PlainIntervention(layer=22, interventions={127: 0.0, 384: 1.5})


def test_plain_pong() -> None:
    assert b"".join(encode_plain(Pong(timestamp=1.5))) == b'\0\0\0\x1f{"type":"pong","timestamp":1.5}'


def test_plain_scan() -> None:
    frame = encode_plain(example_scan())[1]
    assert bytes(frame) == (
        b"\x00\x00\x00\xd1"
        b'{"type":"scan","timestamp":1.5,"layer":23,"turn":5,"token":12,"shape":[4],"dtype":"float32",'
        b'"activations":"000000000000804000000041000080bf",'
        b'"stats":{"min":-1.0,"max":8.0,"mean":2.75,"std":3.5619516372680664}}'
    )
