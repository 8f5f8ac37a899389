"""Wrong access tokens: each is logged and answered later, and nobody else waits."""

import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmri_protocol.messages import Error, Welcome
from llmri_server import Server, Settings
from llmri_server.network.access import access_token, tls_context
from llmri_server.network.wrong_tokens import ADDRESSES, AT_ONCE, FIRST, LONGEST, MEMORY, WrongTokens
from tests.server.fakes import Connect, FakeRuntime

RIGHT, WRONG = "the right token", "a wrong token"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def guarded(runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("llmri_server.network.wrong_tokens.FIRST", 0.05)
    with Server(runtime, Settings(port=0), token=RIGHT) as server:
        yield server


def test_the_delay_doubles_up_to_a_limit_and_is_forgotten_in_time() -> None:
    clock = Clock()
    wrong = WrongTokens(clock)
    delays = []
    for _ in range(8):
        count, delay = wrong.note("10.0.0.1")
        delays.append(delay)
        clock.now += delay
    assert count == 8
    assert delays == [FIRST * 2**n for n in range(4)] + [LONGEST] * 4
    assert wrong.note("10.0.0.2") == (1, FIRST)
    clock.now += MEMORY + 1
    assert wrong.note("10.0.0.1") == (1, FIRST)


def test_so_many_at_once_and_no_more_are_looked_at() -> None:
    clock = Clock()
    wrong = WrongTokens(clock)
    for _ in range(AT_ONCE):
        assert not wrong.crowded("10.0.0.1")
        wrong.note("10.0.0.1")
    assert wrong.crowded("10.0.0.1")
    assert not wrong.crowded("10.0.0.2")
    clock.now += FIRST + 0.01  # the first was answered
    assert not wrong.crowded("10.0.0.1")


def test_a_network_of_ipv6_is_one_address_and_memory_is_bounded() -> None:
    wrong = WrongTokens(Clock())
    wrong.note("2001:db8:1:2::1")
    assert wrong.note("2001:db8:1:2:ffff::9%eth0")[0] == 2
    assert wrong.note("2001:db8:1:3::1")[0] == 1
    for number in range(ADDRESSES):
        wrong.note(f"10.0.{number // 256}.{number % 256}")
    assert wrong.note("2001:db8:1:2::1")[0] == 1


def test_five_wrong_tokens_are_five_lines_and_answered_later_each_time(
    guarded: Server, connect_to: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    waited = []
    for _ in range(5):
        began = time.monotonic()
        assert connect_to(guarded, token=WRONG).expect(Error).code == "bad_token"
        waited.append(time.monotonic() - began)
    assert waited[4] > 0.8  # 16 times the first delay of 0.05: never less, however fast the machine
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [f"number {n} from there" in line for n, line in enumerate(lines, start=1)] == [True] * 5
    assert all("127.0.0.1" in line for line in lines)
    assert WRONG not in caplog.text
    assert RIGHT not in caplog.text


def test_the_right_token_is_let_in_while_a_wrong_one_waits(
    guarded: Server, connect_to: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmri_server.network.wrong_tokens.FIRST", 4.0)
    waiting = connect_to(guarded, token=WRONG)
    assert isinstance(connect_to(guarded, token=RIGHT).receive(), Welcome)
    assert waiting.expect(Error).code == "bad_token"


def test_guesses_side_by_side_are_not_looked_at_and_the_answer_tells_nothing(
    guarded: Server, connect_to: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmri_server.network.wrong_tokens.FIRST", 2.0)
    crowd = [connect_to(guarded, token=WRONG) for _ in range(AT_ONCE + 2)]
    answers = sorted(viewer.expect(Error).code for viewer in crowd)
    assert answers == ["bad_token"] * AT_ONCE + ["too_many_clients"] * 2
    for _ in range(AT_ONCE):
        guarded._wrong_tokens.note("127.0.0.1")
    refusals = [connect_to(guarded, token=token).expect(Error) for token in (RIGHT, WRONG)]
    assert refusals[0] == refusals[1]
    assert refusals[0].code == "too_many_clients"


def test_closing_does_not_wait_for_a_delayed_answer(
    runtime: FakeRuntime, connect_to: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmri_server.network.wrong_tokens.FIRST", 60.0)
    monkeypatch.setattr("llmri_server.network.wrong_tokens.LONGEST", 60.0)
    server = Server(runtime, Settings(port=0), token=RIGHT)
    server.start()
    connect_to(server, token=WRONG)
    began = time.monotonic()
    assert server.close()
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o400, False), (0o644, True), (0o640, True)])
def test_a_token_file_that_others_can_read_is_told_and_the_token_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, warned: bool
) -> None:
    file = tmp_path / "token"
    file.write_text(RIGHT)
    file.chmod(mode)
    assert access_token(file) == RIGHT
    assert (f"{file} is open to other users of this machine (mode {mode:04o}" in caplog.text) == warned
    assert RIGHT not in caplog.text


def test_a_tls_key_that_others_can_read_is_told_and_a_certificate_is_not(
    certificate: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(certificate[1].read_bytes())
    key.chmod(0o644)
    assert isinstance(tls_context(certificate[0], key), ssl.SSLContext)
    assert [record.getMessage().split(" is open")[0] for record in caplog.records] == [f"the TLS key {key}"]
