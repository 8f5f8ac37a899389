"""Scans beside the conversation, over a real socket: of a text, and of earlier turns."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import llmri
from llmri import Edit
from llmri.client import Client
from llmri_protocol.arrays import array_of
from llmri_protocol.messages import (
    Command,
    Error,
    Logits,
    ReplayedSite,
    ReplaySite,
    Reply,
    Said,
    Scan,
    ScannedText,
    ScanText,
    ServerMessage,
    Stop,
    Token,
)
from llmri_server import Server, Settings
from llmri_server.service import paced_answer
from llmri_server.torch_runtime import TorchRuntime, load

SUM = "What is 37 plus 45?"
LAYERS = 8
Floats = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def runtime() -> TorchRuntime:
    return load("pocket", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def server(runtime: TorchRuntime) -> Iterator[Server]:
    with Server(runtime, Settings(port=0)) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with llmri.connect("{}:{}".format(*server.address)) as connected:
        yield connected
        connected.clear_interventions()


def ask(client: Client, command: Command) -> list[ServerMessage]:
    """Send a command; give all that it is answered with."""
    client._send(command)
    found: list[ServerMessage] = []
    for message in client._wait():
        if isinstance(message, Reply | Error) and message.id == command.id:
            return [*found, message]
        if getattr(message, "command", None) == command.id or getattr(message, "id", None) == command.id:
            found.append(message)
    raise AssertionError("no answer")


def of(messages: Sequence[ServerMessage], kind: type[Any]) -> list[Any]:
    return [message for message in messages if type(message) is kind]


def by_hand(runtime: TorchRuntime, ids: Sequence[int]) -> tuple[list[Floats], Floats]:
    """Return what each block gives, `[layers][positions, width]`, and all logits, by plain hooks."""
    rows: list[Floats] = []
    handles = [
        block.register_forward_hook(
            lambda _module, _args, output: rows.append(
                (output if isinstance(output, torch.Tensor) else output[0])[0].numpy().copy()
            )
        )
        for block in runtime.model.model.layers
    ]
    try:
        with torch.no_grad():
            logits = runtime.model(torch.tensor([list(ids)])).logits[0].numpy()
    finally:
        for handle in handles:
            handle.remove()
    return rows, logits


def test_a_text_is_read_as_plain_hooks_read_it(client: Client, runtime: TorchRuntime) -> None:
    messages = ask(client, ScanText(id=91, text=SUM, sites=("resid_post",), top=3, logits=True))
    [done] = of(messages, ScannedText)
    ids = runtime.prompt_ids([{"role": "user", "content": SUM}])
    rows, logits = by_hand(runtime, ids)
    tokens = of(messages, Token)
    assert [token.id for token in tokens] == list(ids)
    assert [token.token for token in tokens] == list(range(len(ids)))
    scans = of(messages, Scan)
    assert [scan.token for scan in scans] == list(range(len(ids)))
    for number, scan in enumerate(scans):
        expected = np.array([layer[number] for layer in rows])
        np.testing.assert_allclose(array_of(scan), expected, atol=1e-5 * np.abs(expected).max())
        assert (scan.command, scan.recomputed, scan.revision) == (91, False, done.revision)
    given = np.concatenate([array_of(piece) for piece in of(messages, Logits)])
    np.testing.assert_allclose(given, logits, atol=1e-4)
    logprobs = torch.log_softmax(torch.tensor(logits), -1).numpy()
    for number, token in enumerate(tokens[1:]):
        assert token.logprob == pytest.approx(logprobs[number, token.id], abs=1e-4)
        assert [each.id for each in token.top] == list(np.argsort(-logprobs[number])[:3])
    assert [each.id for each in done.next] == list(np.argsort(-logprobs[-1])[:3])
    assert done.tokens == len(ids)


@pytest.mark.parametrize("raw", [False, True])
def test_only_what_is_wanted_is_sent(client: Client, runtime: TorchRuntime, raw: bool) -> None:
    asked = ScanText(
        id=5, text=SUM, raw=raw, sites=("mlp_act", "z"), layers=(2, 5), positions=(1, 3), dtype="f16"
    )
    messages = ask(client, asked)
    scans = of(messages, Scan)
    assert [(scan.site, scan.token, scan.layers, scan.dtype) for scan in scans] == [
        (site, token, (2, 5), "f16") for site in ("mlp_act", "z") for token in (1, 3)
    ]
    ids = runtime.text_ids(SUM) if raw else runtime.prompt_ids([{"role": "user", "content": SUM}])
    assert [token.id for token in of(messages, Token)] == list(ids)
    assert not of(messages, Logits)


def test_it_is_read_under_the_edits_that_stand_or_its_own(client: Client) -> None:
    edit = Edit(site="resid_post", layer=1, units=(4,), op="set", value=9.0)
    client.intervene([edit])
    [standing] = of(ask(client, ScanText(id=1, text="hello", sites=("resid_post",), positions=(2,))), Scan)
    own = of(
        ask(client, ScanText(id=2, text="hello", sites=("resid_post",), positions=(2,), edits=())), Scan
    )[0]
    assert array_of(standing)[1, 4] == 9.0
    assert array_of(own)[1, 4] != 9.0
    assert standing.revision == client.welcome.revision or standing.revision > 0
    assert own.revision is None


def test_a_text_leaves_the_conversation_alone(client: Client) -> None:
    client.chat("My name is Ada.", new=True)
    before = client.welcome.session
    ask(client, ScanText(id=3, text="something else", sites=("resid_post",)))
    assert client.chat(SUM).text == "37 + 45 = 82."
    assert client.welcome.session == before


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (ScanText(id=7, text="a", sites=("nowhere",)), "this model has no site 'nowhere'"),
        (ScanText(id=7, text="a", sites=("z",), layers=(8,)), "layers 0 to 7"),
        (ScanText(id=7, text="a", raw=True, sites=("z",), positions=(10_000,)), "there is no position 10000"),
        (ScanText(id=7, text="a " * 20_000, sites=("z",)), "the model's context"),
        (ScanText(id=7, messages=(Said(role="assistant", content="a"),)), "expected the user's"),
        (ReplaySite(id=7, turn=10_000, site="z"), "turn 10000 is not kept"),
        (ReplaySite(id=7, turn=1, site="nowhere"), "no site 'nowhere'"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(
    client: Client, command: Command, sentence: str
) -> None:
    client.chat("hello", new=True)
    [refused] = ask(client, command)
    assert isinstance(refused, Error)
    assert sentence in refused.message


def test_an_earlier_turn_is_computed_again_at_another_site(client: Client) -> None:
    client.subscribe("resid_post", "mlp_act")
    client.intervene([Edit(site="mlp_act", layer=3, units=(1, 2, 3), value=0.0)])
    turn = client.chat(SUM, new=True).turn
    live = [m for m in client.messages() if isinstance(m, Scan) and m.site == "mlp_act" and m.turn == turn]
    client.clear_interventions()
    client.chat("hello", new=True)
    messages = ask(client, ReplaySite(id=12, turn=turn, site="mlp_act"))
    again = of(messages, Scan)
    [done] = of(messages, ReplayedSite)
    assert [(scan.token, scan.phase, scan.revision) for scan in again] == [
        (scan.token, scan.phase, scan.revision) for scan in live
    ]
    for one, other in zip(live, again, strict=True):
        assert (other.recomputed, other.turn, other.command) == (True, turn, 12)
        np.testing.assert_allclose(array_of(one), array_of(other), atol=1e-5 * np.abs(array_of(one)).max())
    assert done.tokens == len(again)
    some = of(ask(client, ReplaySite(id=13, turn=turn, site="z", layers=(1,), first=2, last=4)), Scan)
    assert [(scan.token, scan.layers) for scan in some] == [(2, (1,)), (3, (1,)), (4, (1,))]


def test_a_stop_ends_it(client: Client) -> None:
    client._send(ScanText(id=21, text="a " * 300, sites=("resid_post", "mlp_act"), logits=True))
    client._send(Stop(id=22, command=21))
    ends = {}
    for message in client._wait():
        if isinstance(message, Reply | Error):
            ends[message.id] = message
        if {21, 22} <= ends.keys():
            break
    assert isinstance(ends[22], Reply)
    assert isinstance(ends[21], Reply) or ends[21].code == "stopped"


def test_who_reads_nothing_is_told_and_hinders_nobody(
    runtime: TorchRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paced_answer, "PATIENCE", 1.0)
    refusals: list[str] = []
    refuse = paced_answer.Room._refuse

    def noted(room: paced_answer.Room, why: str) -> None:
        refusals.append(why)
        refuse(room, why)

    monkeypatch.setattr(paced_answer.Room, "_refuse", noted)
    sites = tuple(site.name for site in runtime.card.sites)  # more than a system's own buffers hold
    with Server(runtime, Settings(port=0, queue_answer_bytes=1 << 20)) as server:
        address = "{}:{}".format(*server.address)
        with llmri.connect(address) as deaf, llmri.connect(address) as other:
            for number in range(1, 9):
                deaf._send(ScanText(id=number, text="a b " * 200, sites=sites))
            while not refusals:
                assert other.chat(SUM, new=True).text == "37 + 45 = 82."
            ends = {}
            for message in deaf._wait():
                if isinstance(message, Reply | Error):
                    ends[message.id] = message
                if len(ends) == 8:
                    break
            refused = [end for end in ends.values() if isinstance(end, Error)]
            assert refused
            assert {end.code for end in refused} == {"too_much_unread"}
            assert "1,048,576 bytes of answers" in refused[0].message
            assert refusals[0] in refused[0].message


def test_a_long_text_comes_whole_whatever_a_prompt_would_be_scanned(client: Client) -> None:
    scans = of(ask(client, ScanText(id=4, text="a b " * 200, sites=("resid_post",))), Scan)
    assert len(scans) > client.welcome.limits.prompt_positions
    assert [scan.token for scan in scans] == list(range(len(scans)))


def test_the_texts_of_its_tokens_are_the_text(client: Client) -> None:
    text = "n\u00e9 \u20ac \U0001f600 x"
    tokens = of(ask(client, ScanText(id=6, text=text, raw=True)), Token)
    assert "".join(token.text for token in tokens).removeprefix("<|begin|>") == text


@pytest.mark.parametrize(("top", "logits"), [(3, False), (None, True), (None, False)])
def test_what_is_not_finite_is_refused_and_never_sent_as_a_likelihood(
    client: Client, top: int | None, logits: bool
) -> None:
    edits = [
        Edit(site="resid_post", layer=layer, units=tuple(range(100)), op="scale", value=1e38)
        for layer in (2, 3)
    ]
    messages = ask(client, ScanText(id=8, text=SUM, top=top, logits=logits, edits=tuple(edits)))
    assert isinstance(messages[-1], Error)
    assert messages[-1].code == "bad_edit"
    assert "under scale 1e+38 on 100 units of `resid_post`, layer 2, and 1 more edit" in messages[-1].message
    assert not of(messages, ScannedText)
    assert not of(messages, Logits)


def test_an_answer_longer_than_may_wait_comes_whole_to_who_reads_it(runtime: TorchRuntime) -> None:
    with (
        Server(runtime, Settings(port=0, queue_answer_bytes=1 << 16)) as server,
        llmri.connect("{}:{}".format(*server.address)) as reader,
    ):
        messages = ask(reader, ScanText(id=2, text="a b " * 200, sites=("mlp_act",), logits=True))
    assert isinstance(messages[-1], Reply)
    [done] = of(messages, ScannedText)
    scans = of(messages, Scan)
    assert [scan.token for scan in scans] == list(range(done.tokens))
    assert sum(len(scan.data) for scan in scans) > 10 * (1 << 16)
    assert sum(len(piece.data) for piece in of(messages, Logits)) == done.tokens * 768 * 4
