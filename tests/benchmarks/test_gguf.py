"""What the benchmark of GGUF files compares, on a random file of two layers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import gguf_asks, gguf_files, gguf_threads
from benchmarks.gguf import (
    CAPTURE,
    NONE,
    NONE_AGAIN,
    Case,
    contestants_of,
    findings,
    measure,
    seconds_a_token,
)
from benchmarks.report import Gate
from llmri_server.llama_runtime import LlamaRuntime, Options, load


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the large file's small sister."""
    sizes = {"LAYERS": 2, "WIDTH": 64, "NEURONS": 96, "HEADS": 4, "KEY_VALUE_HEADS": 2, "TOKENS": 300}
    for name, size in sizes.items():
        monkeypatch.setattr(gguf_files, name, size)
    path = tmp_path / "small.gguf"
    gguf_files.write_llama_16_by_2048(path)
    return path


@pytest.fixture
def runtime(file: Path) -> LlamaRuntime:
    return load(file, Options(threads=1))


def case_of(file: Path) -> Case:
    return Case("tiny", lambda _folder: file, "1234", tokens=5, rounds=1, share=Gate(9))


def test_the_random_file_is_a_llama_that_speaks(file: Path, runtime: LlamaRuntime) -> None:
    assert (runtime.card.layers, runtime.card.hidden_size, runtime.card.family) == (2, 64, "llama")
    three, four = (ord(digit) - ord("!") for digit in "34")  # bytes in order, from the first that can be seen
    assert runtime.text_ids("1234") == (256, three, four)
    assert seconds_a_token(runtime, case_of(file)) > 0


def test_each_contestant_has_a_context_of_its_own_kind(file: Path, runtime: LlamaRuntime) -> None:
    contestants = contestants_of(case_of(file), runtime)
    assert set(contestants) == {NONE, CAPTURE, NONE_AGAIN}
    ours = runtime._memory.watch
    seen = {}
    for name, turn in contestants.items():
        before = ours.observer.rebuilt
        turn()
        seen[name] = ours.observer.rebuilt - before
    assert {name for name, graphs in seen.items() if graphs} == {CAPTURE}


def test_what_is_added_is_told_as_a_share(file: Path) -> None:
    runs = {name: [[seconds, seconds]] for name, seconds in ((NONE, 1.0), (NONE_AGAIN, 3.0), (CAPTURE, 2.2))}
    share, *_ = findings(case_of(file), runs).rows
    assert share.spread.median == pytest.approx(0.1)


def test_an_ask_is_told_without_the_call_that_carries_it() -> None:
    of = {
        gguf_asks.CALL: 1.0,
        gguf_asks.BY_HEART: 1.5,
        gguf_asks.LOOKED_UP: 3.0,
        "passes, no callback": 10.0,
        "passes, answered by heart": 11.0,
        "passes, each name looked up": 15.0,
    }
    rows = gguf_asks.findings({name: [[seconds, seconds]] for name, seconds in of.items()}, 9).rows
    medians = {row.name: row.spread.median for row in rows}
    assert medians["an ask answered by heart / its name looked up"] == pytest.approx(0.25)
    assert medians["what asks add to a pass, answered by heart / each name looked up"] == pytest.approx(0.2)


def test_they_make_tables(file: Path, runtime: LlamaRuntime) -> None:
    def track(*_: object) -> Callable[[], None]:
        return lambda: None

    assert len(measure(case_of(file), file, track, rounds=1).rows) == 4
    section = gguf_asks.asks(runtime, track, rounds=1)
    assert len(section.rows) == 7
    assert all(row.spread.median > 0 for row in section.rows[1:3])
    assert len(gguf_threads.threads(runtime, runtime, track, rounds=1).rows) == 6
