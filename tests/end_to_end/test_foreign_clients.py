"""Clients that know nothing of this project but docs/protocol.md."""

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest

from tests.end_to_end.conftest import Serve, Served

LAYERS, WIDTH, MLP = 3, 32, 48  # of the tiny model
PATIENCE = 120


class Foreign:
    """Four bytes of length, then a body."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)

    def close(self) -> None:
        self.socket.close()

    def send_body(self, body: bytes) -> None:
        self.socket.sendall(struct.pack(">I", len(body)) + body)

    def body(self) -> bytes:
        (length,) = struct.unpack(">I", self.exactly(4))
        return self.exactly(length)

    def exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise EOFError(f"{len(data)} of {count} bytes came")
            data += part
        return data


class MessagePackClient(Foreign):
    """The native dialect, by the `msgpack` package."""

    def __init__(self, port: int, role: str = "controller", **more: object) -> None:
        super().__init__(port)
        self.welcome: dict[str, Any] = {}
        self.ids = 0
        self.passed: list[dict[str, Any]] = []  # what came while waiting for something else
        self.send(type="hello", protocol=2, client="foreign", role=role, **more)

    def send(self, **message: object) -> None:
        self.send_body(msgpack.packb(message))

    def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = msgpack.unpackb(self.body())
        return message

    def ask(self, kind: str, **fields: object) -> dict[str, Any]:
        """Send a command; give its one answer."""
        self.ids += 1
        self.send(type=kind, id=self.ids, **fields)
        while True:
            message = self.receive()
            if message["type"] in {"reply", "error"}:
                assert message["id"] == self.ids
                return message
            self.passed.append(message)

    def until(self, kind: str) -> list[dict[str, Any]]:
        """Receive up to a message of this kind; give all that came since it was asked last."""
        came, self.passed = self.passed, []
        while not came or came[-1]["type"] != kind:
            came.append(self.receive())
        return came

    def turn(self, text: str) -> list[dict[str, Any]]:
        """Begin a conversation; give everything that one turn is announced with."""
        self.passed = []
        number = self.ask("chat", text=text, new=True)["turn"]
        messages = self.until("turn_end")
        told = [message for message in messages if "turn" in message]
        assert {message["turn"] for message in told} == {number}
        return told


class JsonClient(Foreign):
    """The plain dialect, by `json`."""

    def send(self, **message: object) -> None:
        self.send_body(json.dumps(message).encode())

    def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.body())
        return message

    def until(self, kind: str) -> dict[str, Any]:
        while (message := self.receive())["type"] != kind:
            pass
        return message


@pytest.fixture
def native(served: Served) -> Iterator[MessagePackClient]:
    with closing(MessagePackClient(served.port)) as client:
        client.welcome = client.receive()
        yield client
        client.ask("clear_interventions")


@pytest.fixture
def plain(served: Served) -> Iterator[JsonClient]:
    with closing(JsonClient(served.port)) as client:
        yield client


def rows_of(scan: dict[str, Any]) -> list[tuple[float, ...]]:
    """Decode an f32 scan, a tuple a layer."""
    layers, width = scan["shape"]
    assert len(scan["data"]) == layers * width * 4
    values = struct.unpack(f"<{layers * width}f", scan["data"])
    return [values[row * width : (row + 1) * width] for row in range(layers)]


def of(kind: str, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message for message in messages if message["type"] == kind]


def test_messagepack_from_handshake_to_scans(native: MessagePackClient) -> None:
    welcome = native.welcome
    assert welcome["type"] == "welcome"
    card = welcome["card"]
    assert (card["layers"], card["hidden_size"], card["family"]) == (LAYERS, WIDTH, "llama")
    widths = {site["name"]: site["width"] for site in card["sites"]}
    assert widths["resid_post"] == WIDTH
    assert widths["mlp_act"] == MLP
    native.ask("subscribe", sites=["resid_post", "mlp_act"], dtype="f32", stats=True)

    messages = native.turn("hi")

    start, end = messages[0], messages[-1]
    assert (start["type"], start["prompt"], start["new"]) == ("turn_start", "hi", True)
    assert end["tokens"] == 12
    tokens = of("token", messages)
    assert [token["token"] for token in tokens] == list(range(len(tokens)))
    assert "".join(token["text"] for token in tokens if token["phase"] == "generate") == end["text"]
    assert len(tokens[-1]["top"]) == 10
    scans = of("scan", messages)
    for site in ("resid_post", "mlp_act"):
        numbers = [scan["token"] for scan in scans if scan["site"] == site]
        assert numbers == list(range(len(tokens) - 1))
    for scan in scans:
        assert scan["layers"] == [0, 1, 2]
        for row, low, high in zip(rows_of(scan), scan["stats"]["min"], scan["stats"]["max"], strict=True):
            assert (min(row), max(row)) == (low, high)


def test_messagepack_edits_change_what_is_scanned_until_they_are_cleared(native: MessagePackClient) -> None:
    native.ask("subscribe", sites=["resid_post"], dtype="f32")
    before = of("scan", native.turn("hi"))
    edit = {
        "site": "resid_post",
        "layer": 1,
        "units": [5, 7],
        "op": "scale",
        "value": 0.0,
        "positions": "all",
    }

    assert native.ask("intervene", edits=[edit])["type"] == "reply"
    assert of("edits", native.passed)[-1]["edits"][0]["units"] == [5, 7]
    during = of("scan", native.turn("hi"))
    for scan in during:
        row = rows_of(scan)[1]
        assert row[5] == row[7] == 0
        assert row[6] != 0
    assert rows_of(during[0])[0] == rows_of(before[0])[0]
    assert rows_of(during[0])[2] != rows_of(before[0])[2]

    assert native.ask("clear_interventions")["type"] == "reply"
    after = of("scan", native.turn("hi"))
    assert [scan["data"] for scan in after] == [scan["data"] for scan in before]


def test_messagepack_undo_and_redo(native: MessagePackClient) -> None:
    edit = {"site": "mlp_act", "layer": 0, "units": [1], "value": 2.0}
    native.ask("intervene", edits=[edit])
    native.ask("undo")
    native.ask("redo")
    states = of("edits", native.passed)
    assert [len(state["edits"]) for state in states] == [1, 0, 1]
    assert [state["redoable"] for state in states] == [0, 1, 0]
    assert states[1]["undoable"] == states[0]["undoable"] - 1
    assert native.ask("redo")["code"] == "nothing_to_redo"


def test_messagepack_a_new_conversation_is_computed_anew(native: MessagePackClient) -> None:
    native.ask("subscribe", sites=["resid_post"])
    first, again = (native.turn("the very same words") for _ in range(2))
    assert len(of("scan", again)) == len(of("scan", first))


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ({"site": "resid_post", "layer": 3, "units": [0]}, "layer 3"),
        ({"site": "resid_post", "layer": 0, "units": [WIDTH]}, f"unit {WIDTH}"),
        ({"site": "nowhere", "layer": 0, "units": [0]}, "nowhere"),
        ({"site": "resid_post", "layer": 0, "units": [0], "value": float("nan")}, "nan"),
    ],
)
def test_messagepack_an_edit_that_does_not_fit_changes_nothing(
    native: MessagePackClient, edit: dict[str, Any], named: str
) -> None:
    fitting = {"site": "resid_post", "layer": 0, "units": [1]}
    answer = native.ask("intervene", edits=[fitting, edit])
    assert answer["type"] == "error"
    assert named in answer["message"]
    assert of("edits", native.passed) == []


def test_messagepack_a_viewer_may_look_but_not_touch(served: Served) -> None:
    with closing(MessagePackClient(served.port, role="viewer")) as viewer:
        assert viewer.receive()["type"] == "welcome"
        for command in (
            {"kind": "chat", "text": "hi"},
            {"kind": "stop"},
            {"kind": "undo"},
            {"kind": "clear_interventions"},
        ):
            assert viewer.ask(**command)["code"] == "not_allowed"
        assert viewer.ask("ping")["type"] == "reply"


def test_everybody_hears_goodbye(serve: Serve) -> None:
    served = serve()
    with closing(MessagePackClient(served.port)) as native, closing(JsonClient(served.port)) as plain:
        native.receive()
        assert served.interrupt() == 0
        assert native.until("bye")[-1]["reason"]
        with pytest.raises(EOFError):
            plain.until("bye")


def test_json_scans_come_one_a_layer_after_half_a_second_of_silence(
    native: MessagePackClient, plain: JsonClient
) -> None:
    plain.send(type="ping")
    assert plain.until("pong")["timestamp"] > 0
    native.turn("hi")
    assert plain.until("turn_start")["turn"] > 0
    scans = [plain.until("scan") for _ in range(2 * LAYERS)]
    assert [(scan["token"], scan["layer"]) for scan in scans] == [
        (token, layer) for token in (0, 1) for layer in range(LAYERS)
    ]
    for scan in scans:
        values = struct.unpack(f"<{WIDTH}f", bytes.fromhex(scan["activations"]))
        assert scan["shape"] == [WIDTH]
        assert scan["dtype"] == "float32"
        assert (min(values), max(values)) == (scan["stats"]["min"], scan["stats"]["max"])


def test_json_interventions_act_on_the_last_position_and_can_be_cleared(
    native: MessagePackClient, plain: JsonClient
) -> None:
    plain.send(type="intervention", layer=1, interventions={"5": 0.0, "7": 1.5, "9": 1.0})
    assert plain.until("intervention_active") == {"type": "intervention_active", "count": 2, "layer": 1}
    ablated = generated_rows(native, plain, layer=1)
    assert all(values[5] == 0 for values in ablated)
    assert all(values[9] != 0 for values in ablated)

    plain.send(type="clear_interventions")
    assert plain.until("interventions_cleared") == {"type": "interventions_cleared"}
    assert all(values[5] != 0 for values in generated_rows(native, plain, layer=1))


def generated_rows(native: MessagePackClient, plain: JsonClient, layer: int) -> list[tuple[float, ...]]:
    """Let a turn pass; give the plain client's scans of a layer for the generated tokens."""
    tokens = of("token", native.turn("hi"))
    prompt = [token["token"] for token in tokens if token["phase"] == "prompt"]
    plain.until("turn_start")
    rows: list[tuple[float, ...]] = []
    while len(rows) < len(tokens) - len(prompt) - 1:  # the last token is no input any more
        scan = plain.until("scan")
        if scan["layer"] == layer and scan["token"] > prompt[-1]:
            rows.append(struct.unpack(f"<{WIDTH}f", bytes.fromhex(scan["activations"])))
    return rows


def test_json_layer_null_means_every_layer(native: MessagePackClient, plain: JsonClient) -> None:
    plain.send(type="intervention", layer=None, interventions={"5": 0.0})
    assert plain.until("intervention_active")["layer"] is None
    plain.send(type="ping")
    plain.until("pong")
    native.ask("ping")
    assert [edit["layer"] for edit in of("edits", native.passed)[-1]["edits"]] == [0, 1, 2]


def test_json_a_wrong_unit_is_told_and_changes_nothing(plain: JsonClient) -> None:
    plain.send(type="intervention", layer=1, interventions={str(WIDTH): 0.0})
    assert f"unit {WIDTH}" in plain.until("error")["message"]


def test_a_wrong_token_an_old_version_and_a_plain_client_are_told_why(serve: Serve) -> None:
    served = serve(LLMRI_TOKEN="correct horse")
    for more, code in (({"token": "wrong horse"}, "bad_token"), ({}, "bad_token")):
        with closing(MessagePackClient(served.port, **more)) as client:
            assert client.receive()["code"] == code
            with pytest.raises(EOFError):
                client.receive()
    with closing(JsonClient(served.port)) as client:
        client.send(type="ping")
        assert client.receive()["code"] == "token_required"
    with closing(Foreign(served.port)) as client:
        client.send_body(msgpack.packb({"type": "hello", "protocol": 0, "client": "old", "role": "viewer"}))
        error = msgpack.unpackb(client.body())
        assert error["code"] == "version"
        assert "protocol 0" in error["message"]
    with closing(MessagePackClient(served.port, token="correct horse")) as client:
        assert client.receive()["type"] == "welcome"
