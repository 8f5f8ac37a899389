"""The collection, over a real socket from a server whose model is none."""

import signal
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from llmri.client import Client, connect
from llmri.cluster.collect import Goal, listen
from llmri.cluster.collection import Collector
from llmri.cluster.prompts import Prompt
from llmri_clustering.units import UnitSet
from llmri_server import Server, Settings
from tests.server.fakes import LAYERS, WIDTH, FakeRuntime

PROMPTS = (Prompt("one plus one", "sums"), Prompt("a tale"), Prompt("two plus two", "sums"))
WORDS = 3  # that the fake model says in a turn: as many samples, since the prompt's token is the first


@pytest.fixture
def runtime() -> FakeRuntime:
    return FakeRuntime()


@pytest.fixture
def server(runtime: FakeRuntime) -> Iterator[Server]:
    with Server(runtime, Settings(port=0)) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with connect("{}:{}".format(*server.address), timeout=0.2) as client:
        client.subscribe("mlp_act")
        yield client


def collector(*, announced_only: bool = False) -> Collector:
    units = UnitSet.of_layers("mlp_act", range(LAYERS), WIDTH)
    return Collector(units, left_out=np.zeros(len(units), np.bool_), keep=1000, announced_only=announced_only)


def nothing() -> None:
    pass


def later(act: Callable[[], object]) -> None:
    threading.Timer(0.5, act).start()


def test_prompts_are_said_one_after_another_in_conversations_of_their_own(
    client: Client, runtime: FakeRuntime
) -> None:
    ours = collector(announced_only=True)
    assert not listen(client, ours, Goal(), PROMPTS, nothing)
    assert [conversation[-1]["content"] for conversation in runtime.conversations] == [
        prompt.text for prompt in PROMPTS
    ]
    assert all(len(conversation) == 1 for conversation in runtime.conversations)
    assert (ours.turns, ours.count) == (3, 3 * WORDS)
    assert [text.group for text in ours.samples().texts.values()] == ["sums", "", "sums"]


def test_what_others_say_meanwhile_does_not_count(client: Client, server: Server) -> None:
    server.chat("before")
    ours = collector(announced_only=True)
    assert not listen(client, ours, Goal(), PROMPTS[:1], nothing)
    assert len(ours.samples().texts) == 1
    assert ours.count == WORDS


def test_it_waits_for_others_however_long_they_are_silent(client: Client, server: Server) -> None:
    ours = collector()
    later(lambda: [server.chat("hello") for _ in range(3)])  # after more than the client's patience
    assert not listen(client, ours, Goal(turns=2), (), nothing)
    assert ours.turns == 2


def test_so_many_samples_are_enough(client: Client, server: Server) -> None:
    ours = collector()
    for _ in range(4):
        server.chat("hello")
    assert not listen(client, ours, Goal(turns=100, samples=5), (), nothing)
    assert ours.count == 5


def test_the_first_ctrl_c_ends_the_collection_and_keeps_what_there_is(client: Client, server: Server) -> None:
    ours = collector()
    before = signal.getsignal(signal.SIGINT)
    server.chat("hello").reply(30)

    def shown() -> None:
        if ours.count == 2:
            signal.raise_signal(signal.SIGINT)

    assert listen(client, ours, Goal(turns=9), (), shown) == "you ended it"
    assert 2 <= ours.count <= WORDS
    assert signal.getsignal(signal.SIGINT) == before


def test_ctrl_c_ends_it_while_nobody_says_anything(client: Client) -> None:
    later(lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT))
    assert listen(client, collector(), Goal(turns=9), (), nothing) == "you ended it"


def test_a_second_ctrl_c_ends_the_program(client: Client, server: Server) -> None:
    server.chat("hello").reply(30)

    def shown() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        listen(client, collector(), Goal(turns=9), (), shown)


def test_the_servers_end_ends_it_and_says_so(client: Client, server: Server) -> None:
    ours = collector()
    server.chat("hello").reply(30)
    later(server.close)
    assert listen(client, ours, Goal(turns=9), (), nothing).startswith("the server ended: ")
    assert ours.count == WORDS
