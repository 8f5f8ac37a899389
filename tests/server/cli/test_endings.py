"""How the process of a server ends: signals at any moment, a terminal, streams that nobody reads."""

import os
import pty
import random
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from llmri_protocol.messages import Bye, Chat, Notice, Ping, Reply, TurnEnd, Welcome
from tests.server.fakes import Viewer

PATIENCE = 60
PROGRAM = """
import sys
from llmri_server import Server, Settings
from llmri_server.cli.command import run
from llmri_server.cli.interrupts import Interrupts
from llmri_server.cli.log import to_standard_error
from llmri_server.cli.streams import harden
from tests.server.fakes import FakeRuntime
harden()
to_standard_error()
interrupts = Interrupts()
with interrupts.installed():
    runtime = FakeRuntime()
    print("loading", file=sys.stderr)
    {setup}
    server = Server(runtime, Settings(port=0, queue_turns=1000))
    interrupts.stage = "serving"
    server.start()
    {serving}
    run(server, {exit_at_eof}, interrupts)
"""
PANIC = """
    class PanicError(BaseException): pass
    def panic(*_):
        raise PanicError("pathological")
    runtime.generate = panic
"""
IN_FRONT = (  # makes standard input the terminal of a session of its own, as a login does
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
BROKEN = "server.hub.tell = panic"
BUSY = """
    def talk():
        try:
            while True:
                server.worker.submit("x").reply()
        except RuntimeError:  # it ended
            pass
    import threading
    threading.Thread(target=talk, daemon=True).start()
"""


def program(setup: str = "", serving: str = "", *, exit_at_eof: bool = False) -> list[str]:
    text = PROGRAM.format(setup=setup.strip(), serving=serving.strip(), exit_at_eof=exit_at_eof)
    return [sys.executable, "-c", text]


@contextmanager
def started(words: list[str], **more: int) -> Iterator["subprocess.Popen[str]"]:
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
    with subprocess.Popen(words, text=True, **streams) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def address(ready: str) -> tuple[str, int]:
    found = re.search(r"LLMRI listening on (127\.0\.0\.1):(\d+)", ready)
    assert found, ready
    return found[1], int(found[2])


def welcomed(ready: str) -> Viewer:
    viewer = Viewer(address(ready))
    viewer.expect(Welcome)
    return viewer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_each_signal_ends_with_a_goodbye_and_status_0(number: signal.Signals) -> None:
    with started(program()) as process:
        assert process.stdout
        viewer = welcomed(process.stdout.readline())
        process.send_signal(number)
        assert viewer.receive() == Bye(reason="the server was stopped")
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("seed", range(4))
def test_a_storm_of_signals_at_random_moments_always_ends_it(seed: int) -> None:
    rng = random.Random(seed)
    with started(program(serving=BUSY)) as process:
        assert process.stdout
        viewer = welcomed(process.stdout.readline())
        time.sleep(rng.random() / 5)
        for _ in range(300):
            if process.poll() is not None:
                break
            process.send_signal(rng.choice([signal.SIGTERM, signal.SIGHUP, signal.SIGINT]))
            time.sleep(rng.choice([0, 0, 0.0005]))
        assert isinstance(viewer.last(Bye), Bye)
        assert process.wait(PATIENCE) == 0
        assert process.stderr
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_while_it_loads_ends_it_at_once(number: signal.Signals) -> None:
    with started(program("import time; time.sleep(600)")) as process:
        assert process.stderr
        process.stderr.readline()
        process.send_signal(number)
        assert process.wait(PATIENCE) == 128 + number


def test_nohup_is_respected() -> None:
    with started(["nohup", *program()]) as process:
        assert process.stdout
        viewer = welcomed(process.stdout.readline())
        process.send_signal(signal.SIGHUP)
        viewer.tell(Ping)
        viewer.until(Reply)
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_a_goodbye_that_hangs_does_not_keep_the_process() -> None:
    hung = "import llmri_server.cli.command as c; c.LONGEST_END = 0.3; server.hub._lock.acquire()"
    with started(program(serving=hung)) as process:
        assert process.stdout
        process.stdout.readline()
        process.terminate()
        assert process.wait(PATIENCE) == 0


@contextmanager
def on_a_terminal(words: list[str]) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    ours, theirs = pty.openpty()
    try:
        with started([sys.executable, "-c", IN_FRONT, *words], stdin=theirs, stdout=theirs) as process:
            os.close(theirs)
            yield process, ours
    finally:
        os.close(ours)


def seen(terminal: int, wanted: str) -> str:
    """Read the terminal until something stands there."""
    text = ""
    while wanted not in text:
        assert select.select([terminal], [], [], PATIENCE)[0], text
        text += os.read(terminal, 4096).decode(errors="replace")
    return text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_at_the_prompt_ends_with_a_goodbye(number: signal.Signals) -> None:
    with on_a_terminal(program()) as (process, terminal):
        viewer = welcomed(seen(terminal, "> "))
        process.send_signal(number)
        assert isinstance(viewer.last(Bye), Bye)
        assert process.wait(PATIENCE) == 0


def test_ctrl_c_stops_a_reply_and_a_request_to_terminate_ends_it() -> None:
    endless = (
        'runtime.words = ["on "] * 10**6; runtime.before_token = lambda n: __import__("time").sleep(0.01)'
    )
    with on_a_terminal(program(endless)) as (process, terminal):
        viewer = welcomed(seen(terminal, "> "))
        os.write(terminal, b"go\n")
        seen(terminal, "on on ")
        process.send_signal(signal.SIGINT)
        seen(terminal, "[stopped]")
        assert viewer.last(TurnEnd).reason == "stopped"
        os.write(terminal, b"go\n")
        seen(terminal, "on on ")
        process.terminate()
        assert isinstance(viewer.last(Bye), Bye)
        assert process.wait(PATIENCE) == 0


def test_a_terminal_that_is_closed_is_a_hang_up() -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-c", IN_FRONT, *program()]
    with started(words, stdin=theirs, stdout=theirs) as process:
        os.close(theirs)
        viewer = welcomed(seen(ours, "> "))
        os.close(ours)
        assert isinstance(viewer.last(Bye), Bye)
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("terminal", [False, True])
def test_a_server_that_cannot_go_on_ends_with_a_reason_and_status_1(terminal: bool) -> None:
    words = program(PANIC, BROKEN)
    if terminal:
        with on_a_terminal(words) as (process, ours):
            ends_with_a_reason(process, seen(ours, "> "))
    else:
        with started(words) as process:
            assert process.stdout
            ends_with_a_reason(process, process.stdout.readline())


def ends_with_a_reason(process: "subprocess.Popen[str]", ready: str) -> None:
    viewer = welcomed(ready)
    viewer.tell(Chat, text="hello")
    assert "the thread that runs the model ended by an error (PanicError" in viewer.last(Bye).reason
    assert process.wait(PATIENCE) == 1
    assert process.stderr
    assert "llmri serve: the thread that runs the model ended" in process.stderr.read()


@pytest.mark.parametrize("merged", [True, False], ids=["2>&1 | head", "2> >(head)"])
def test_turns_end_with_a_reason_though_nobody_reads_standard_error(merged: bool) -> None:
    words = program(PANIC)
    with started(words, stderr=subprocess.STDOUT if merged else subprocess.PIPE) as process:
        assert process.stdout
        ready = process.stdout.readline()
        while "listening" not in ready:
            ready = process.stdout.readline()
        (process.stdout if merged else process.stderr).close()  # type: ignore[union-attr]
        viewer = welcomed(ready)
        for _ in range(3):
            viewer.tell(Chat, text="hello")
            told = viewer.until(TurnEnd)
            assert any(isinstance(m, Notice) and "PanicError: pathological" in m.message for m in told)
            assert getattr(told[-1], "reason", "") == "error"
        process.terminate()
        assert isinstance(viewer.last(Bye), Bye)
        assert process.wait(PATIENCE) == 0


def test_nobody_waits_for_a_reader_of_standard_error_that_does_not_read() -> None:
    with started(program(PANIC.replace("pathological", "x" * 2000))) as process:
        assert process.stdout
        viewer = welcomed(process.stdout.readline())
        for _ in range(60):  # each two kilobytes and more: twice what a pipe holds
            viewer.tell(Chat, text="hello")
            assert viewer.last(TurnEnd).reason == "error"
        process.terminate()
        assert isinstance(viewer.last(Bye), Bye)
        assert process.wait(PATIENCE) == 0


def test_lines_from_a_pipe_are_answered_to_the_end_though_nobody_reads_them() -> None:
    with started(program(exit_at_eof=True)) as process:
        assert process.stdout
        assert process.stdin
        assert process.stderr
        viewer = welcomed(process.stdout.readline())
        process.stdout.close()
        process.stdin.write("a\nb\nc\n")
        process.stdin.close()
        assert sum(isinstance(message, TurnEnd) for message in viewer.until(Bye)) == 3
        assert process.wait(PATIENCE) == 0
        lines = process.stderr.read().splitlines()
        assert sum("standard output was closed" in line for line in lines) == 1


def test_it_serves_without_any_standard_stream() -> None:
    closing = "import os, sys; [os.close(n) for n in (0, 1, 2)]; os.execv(sys.argv[1], sys.argv[1:])"
    told = 'open("/proc/self/fd/%d" % int(sys.argv[1]), "w").write("port %d\\n" % server.address[1])'
    ours, theirs = os.pipe()
    words = [*program(serving=told), str(theirs)]
    with subprocess.Popen([sys.executable, "-c", closing, *words], pass_fds=[theirs]) as process:
        try:
            os.close(theirs)
            viewer = Viewer(("127.0.0.1", int(os.read(ours, 100).split()[1])))
            viewer.expect(Welcome)
            process.terminate()
            assert isinstance(viewer.last(Bye), Bye)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            os.close(ours)
