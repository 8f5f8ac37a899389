import io
import re
import threading

import pytest

from llmri_server.runtimes.common import loading


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "IN_PIPE", 0.01)
    monkeypatch.setattr(loading, "ON_TERMINAL", 0.01)


def wait_for(stream: io.StringIO, words: str) -> None:
    for _ in range(6000):
        if words in stream.getvalue():
            return
        threading.Event().wait(0.01)
    raise AssertionError(stream.getvalue())


def test_a_pipe_gets_a_line_now_and_then_with_what_is_done_and_how_much() -> None:
    pipe = io.StringIO()
    with loading.told("qwen", pipe):
        wait_for(pipe, "loading qwen, 0 s\n")
        loading.tell("weights", 0.456)
        wait_for(pipe, "loading qwen: weights 46%, ")
        loading.tell("sites")
        wait_for(pipe, "loading qwen: sites, ")
    assert all(
        re.fullmatch(r"loading qwen(: \w+( 46%)?)?, \d+ s", line) for line in pipe.getvalue().splitlines()
    )


def test_a_terminal_gets_one_line_that_is_gone_at_the_end() -> None:
    terminal = Terminal()
    with loading.told("qwen", terminal):
        wait_for(terminal, "loading qwen")
    assert "\n" not in terminal.getvalue()
    assert terminal.getvalue().endswith(loading.CLEAR)


def test_a_failure_passes_and_nobody_who_reads_is_no_failure() -> None:
    broken = io.StringIO()
    broken.close()
    with pytest.raises(KeyError), loading.told("qwen", broken):
        raise KeyError
    loading.tell("weights")  # nothing is being loaded: nobody is told
