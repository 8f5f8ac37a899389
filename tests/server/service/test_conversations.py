"""Whole conversations, sampling and stop texts that a `chat` brings, with the bundled model."""

from collections.abc import Iterator

import pytest

import llmri
from llmri.client import Client
from llmri_protocol.messages import (
    Chat,
    Error,
    Reply,
    Said,
    SamplingWish,
    ServerMessage,
    Token,
    TurnEnd,
    TurnStart,
)
from llmri_server import Server, Settings
from llmri_server.runtime import Runtime
from llmri_server.torch_runtime import load

ASKED = ("What is 37 plus 45?", "What is the capital of France?", "What is 12 plus 30?")


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return load("pocket", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def server(runtime: Runtime) -> Iterator[Server]:
    with Server(runtime, Settings(port=0)) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with llmri.connect("{}:{}".format(*server.address)) as connected:
        yield connected


def say(client: Client, command: Chat) -> tuple[list[Token], TurnEnd, TurnStart]:
    client._send(command)
    messages: list[ServerMessage] = []
    turn = None
    for message in client._wait():
        messages.append(message)
        if isinstance(message, Error):
            raise AssertionError(message.message)
        if isinstance(message, Reply) and message.id == command.id:
            turn = message.turn
        end = next((m for m in messages if isinstance(m, TurnEnd) and m.turn == turn), None)
        if end is not None:
            start = next(m for m in messages if isinstance(m, TurnStart) and m.turn == turn)
            return [m for m in messages if isinstance(m, Token) and m.turn == turn], end, start
    raise AssertionError("the connection ended")


def user(text: str) -> Said:
    return Said(role="user", content=text)


def test_a_conversation_sent_whole_each_time_is_that_of_turns(client: Client) -> None:
    by_turns = [say(client, Chat(id=n, text=text, new=n == 0)) for n, text in enumerate(ASKED)]
    sent: list[Said] = []
    for number, text in enumerate(ASKED):
        sent.append(user(text))
        tokens, end, start = say(client, Chat(id=10 + number, messages=tuple(sent)))
        expected, ended, _ = by_turns[number]
        assert end.text == ended.text
        assert start.prompt == text
        assert start.new == (number == 0)
        # Only what is new is read, as by turns.
        assert [(t.phase, t.id) for t in tokens] == [(t.phase, t.id) for t in expected]
        sent.append(Said(role="assistant", content=end.text))
    # and it goes on as the conversation
    assert not say(client, Chat(id=20, text="What is 2 plus 2?"))[2].new


def test_two_clients_that_send_all_do_not_mix(server: Server) -> None:
    address = "{}:{}".format(*server.address)
    with llmri.connect(address) as one, llmri.connect(address) as two:
        said: dict[int, list[Said]] = {0: [], 1: []}
        for text in ASKED[:2]:
            for number, each in enumerate((one, two)):
                said[number].append(user(text if number == 0 else text.replace("37", "51")))
                _, end, _ = say(each, Chat(id=len(said[number]), messages=tuple(said[number])))
                said[number].append(Said(role="assistant", content=end.text))
        assert [m.content for m in said[0] if m.role == "assistant"] == ["37 + 45 = 82.", "Paris."] or (
            said[0][1].content == "37 + 45 = 82."
        )
        assert said[1][1].content == "51 + 45 = 96."


def test_who_says_it_is_told(client: Client) -> None:
    _, _, start = say(client, Chat(id=1, text="hello", new=True, client="somebody's page"))
    assert start.client == "somebody's page"
    _, _, own = say(client, Chat(id=2, text="hello"))
    assert own.client.startswith("llmri.connect")


def test_sampling_holds_for_one_turn(client: Client) -> None:
    hot = SamplingWish(temperature=3.0, seed=5)
    first = say(client, Chat(id=1, text=ASKED[0], new=True, sampling=hot))[1].text
    assert say(client, Chat(id=2, text=ASKED[0], new=True, sampling=hot))[1].text == first
    other = say(client, Chat(id=3, text=ASKED[0], new=True, sampling=SamplingWish(temperature=3.0, seed=6)))[
        1
    ]
    assert other.text != first
    assert say(client, Chat(id=4, text=ASKED[0], new=True))[1].text == "37 + 45 = 82."
    short = say(client, Chat(id=5, text=ASKED[0], new=True, sampling=SamplingWish(most=3)))[1]
    assert (short.tokens, short.reason) == (3, "length")


def test_the_servers_sampling_is_told(client: Client) -> None:
    told = client.welcome.sampling
    assert (told.temperature, told.top_p, told.top_k, told.seed, told.most, told.stop) == (
        0,
        1,
        0,
        0,
        256,
        (),
    )


@pytest.mark.parametrize("stop", [" = 8", "5 =", "82", "37 + 45 = 82."])
def test_a_text_ends_a_reply_and_is_no_part_of_it(client: Client, stop: str) -> None:
    _, end, _ = say(client, Chat(id=1, text=ASKED[0], new=True, sampling=SamplingWish(stop=(stop, "never"))))
    assert end.reason == "end"
    assert end.text == "37 + 45 = 82."[: "37 + 45 = 82.".index(stop)]


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ((Said(role="assistant", content="a"),), "expected the user's"),
        ((user("a"), Said(role="system", content="b"), user("c")), "message 1 is the system's"),
    ],
)
def test_messages_that_no_reply_can_be_written_to_are_refused(
    client: Client, messages: tuple[Said, ...], sentence: str
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        say(client, Chat(id=1, messages=messages))
