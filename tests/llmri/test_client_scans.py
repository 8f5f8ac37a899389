"""Scans beside the conversation, as the client for scripts gives them: against a made-up server's bytes."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import llmri
from llmri_protocol.messages import SamplingWish, Scan
from tests.client.test_later_server import WELCOME, frame, received

Command = dict[str, Any]
Answering = Callable[[Command], list[dict[str, Any]]]
WELCOMED = WELCOME | {"edits": []}


def scan(command: int | None, token: int, site: str, value: float, **more: Any) -> dict[str, Any]:
    rows = np.full((2, 3), value, np.float16)
    return {
        "type": "scan",
        "turn": 0,
        "token": token,
        "phase": "prompt",
        "site": site,
        "layers": [1, 4],
        "dtype": "f16",
        "shape": [2, 3],
        "time": 1.0,
        "revision": 7 + token,
        "command": command,
        "data": rows.tobytes(),
    } | more


def token(command: int, number: int) -> dict[str, Any]:
    return {
        "type": "token",
        "turn": 0,
        "token": number,
        "phase": "prompt",
        "id": number,
        "text": str(number),
        "logprob": -1.0 if number else None,
        "command": command,
    }


def reading(command: Command) -> list[dict[str, Any]]:
    """Answer `scan_text` with two tokens, two sites and logits in two pieces, amid a conversation."""
    number = command["id"]
    said = [scan(None, 0, "resid_post", -1.0, turn=5), token(number, 0), {"type": "progress"}]
    said[2] |= {"id": number, "done": 1, "total": 2, "what": "reading"}
    said += [scan(number, 0, "z", 1.0), scan(number, 0, "resid_post", 2.0), token(number, 1)]
    said += [scan(number, 1, "z", 3.0), scan(number, 1, "resid_post", 4.0)]
    for first in (0, 1):
        data = np.array([first, 10 + first], np.float32).tobytes()
        said.append({"type": "logits", "id": number, "first": first, "shape": [1, 2], "data": data})
    top = [{"id": 1, "text": "b", "logprob": -0.1}]
    said.append(
        {"type": "scanned_text", "id": number, "tokens": 2, "revision": 7, "next": top, "seconds": 0.1}
    )
    return [*said, {"type": "reply", "id": number, "time": 1.0}]


def replaying(command: Command) -> list[dict[str, Any]]:
    number = command["id"]
    scans = [scan(number, each, "z", each, turn=3, recomputed=True) for each in (4, 5)]
    end = {"type": "replayed_site", "id": number, "turn": 3, "site": "z", "tokens": 2, "seconds": 0.1}
    return [*scans, end, {"type": "reply", "id": number, "time": 1.0}]


def lenses(command: Command) -> list[dict[str, Any]]:
    number = command["id"]
    lens = {"type": "logit_lens_map", "id": number, "turn": 1, "positions": 4, "came": None, "layers": []}
    answers = [
        lens | {"token": each, "seconds": 0.1} for each in range(command["first"], command["token"] + 1)
    ]
    return [*answers, {"type": "reply", "id": number, "time": 1.0}]


def taking(command: Command) -> list[dict[str, Any]]:
    number = command["id"]
    end = {"type": "turn_end", "turn": 9, "reason": "end", "text": "ok", "tokens": 1, "seconds": 0.1}
    return [{"type": "reply", "id": number, "turn": 9, "time": 1.0}, end]


def refusing(command: Command) -> list[dict[str, Any]]:
    return [{"type": "error", "id": command["id"], "code": "unsupported", "message": "not here"}]


def empty(command: Command) -> list[dict[str, Any]]:
    return [{"type": "reply", "id": command["id"], "time": 1.0}]


@contextlib.contextmanager
def answering(answer: Answering) -> Iterator[tuple[llmri.Client, list[Command]]]:
    """Yield a client of a server that answers every command by these messages, and what was asked."""
    asked: list[Command] = []

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            received(connection)
            connection.sendall(frame(WELCOMED))
            while True:
                asked.append(received(connection))
                for message in answer(asked[-1]):
                    connection.sendall(frame(message))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        with llmri.connect(f"127.0.0.1:{listening.getsockname()[1]}") as client:
            yield client, asked
        thread.join(10)


def test_a_text_comes_as_tokens_arrays_and_logits() -> None:
    heard: list[str] = []
    with answering(reading) as (client, asked):
        found = client.scan_text(
            "ab",
            sites=("z", "resid_post"),
            layers=4,
            dtype="f16",
            logits=True,
            progress=lambda p: heard.append(p.what),
        )
        kept = client.messages()
    (command,) = asked
    assert (command["type"], command["text"], command["layers"], command["logits"]) == (
        "scan_text",
        "ab",
        [4],
        True,
    )
    assert [each.text for each in found.tokens] == ["0", "1"]
    assert found["z"].shape == found["resid_post"].shape == (2, 2, 3)
    assert found["z"][:, 0, 0].tolist() == [1, 3]
    assert found["resid_post"][:, 1, 2].tolist() == [2, 4]
    assert (found.sites["z"].layers, found.sites["z"].revisions) == ((1, 4), (7, 8))
    assert found.logits is not None
    assert found.logits.tolist() == [[0, 10], [1, 11]]
    assert (found.answer.tokens, found.answer.next[0].text) == (2, "b")
    assert heard == ["reading"]
    scans = [message for message in kept if isinstance(message, Scan)]
    assert [scan.turn for scan in scans] == [5]  # of the conversation alone


def test_earlier_scans_come_with_the_revision_of_their_pass() -> None:
    with answering(replaying) as (client, asked):
        found = client.replay_site(3, "z", first=4, last=5)
    assert (asked[0]["turn"], asked[0]["first"], asked[0]["last"]) == (3, 4, 5)
    assert (found.tokens, found.revisions, found.values[:, 0, 0].tolist()) == ((4, 5), (11, 12), [4, 5])


def test_a_lens_of_a_span_has_an_answer_a_token() -> None:
    with answering(lenses) as (client, _):
        assert [lens.token for lens in client.logit_lens_span(1, 2, 5)] == [2, 3, 4, 5]


def test_a_conversation_and_settings_travel_with_what_is_said() -> None:
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
    with answering(taking) as (client, asked):
        end = client.chat(messages=messages, sampling=SamplingWish(top_k=3, stop=("\n",)))
    assert end.text == "ok"
    assert asked[0]["messages"] == messages
    assert {name: value for name, value in asked[0]["sampling"].items() if value is not None} == {
        "top_k": 3,
        "stop": ["\n"],
    }
    assert "text" not in asked[0]


def test_what_is_no_message_is_said_before_anything_is_sent() -> None:
    with answering(taking) as (client, asked):
        with pytest.raises(TypeError, match="a map with `role` and `content`"):
            client.chat(messages=[{"role": "user"}])
        assert asked == []


def test_a_refusal_and_a_reply_without_a_result_are_told() -> None:
    with answering(refusing) as (client, _), pytest.raises(llmri.RefusedError, match="not here"):
        client.scan_text("ab")
    with answering(empty) as (client, _), pytest.raises(llmri.ConnectionEndedError, match="without a result"):
        client.replay_site(1, "z")


def test_a_watch_that_raises_stops_the_reading() -> None:
    with answering(reading) as (client, asked):

        def watch(_: object) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            client.scan_text("ab", progress=watch)
        client.undo()
        assert [command["type"] for command in asked][:2] == ["scan_text", "stop"]
        assert asked[1]["command"] == asked[0]["id"]


def test_a_card_that_is_sent_again_is_the_card() -> None:
    def card(command: Command) -> list[dict[str, Any]]:
        again = WELCOME["card"] | {"dtype": "f16", "about": "sums", "reasons": {"z": "no heads"}}
        return [{"type": "card", "card": again}, *empty(command)]

    with answering(card) as (client, _):
        assert client.welcome.card.about == ""
        client.undo()
        assert (client.welcome.card.about, client.welcome.card.reasons) == ("sums", {"z": "no heads"})
