"""What the benchmark of GGUF files compares, on a random file of two layers."""

from pathlib import Path

import pytest

from benchmarks import gguf_files
from benchmarks.gguf import (
    ASKED,
    CAPTURE,
    LOOKED_UP,
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
    return Case("tiny", lambda _folder: file, "1234", tokens=5, rounds=1, share=Gate(9), asks=Gate(9))


def test_the_random_file_is_a_llama_that_speaks(file: Path, runtime: LlamaRuntime) -> None:
    assert (runtime.card.layers, runtime.card.hidden_size, runtime.card.family) == (2, 64, "llama")
    assert runtime.text_ids("1234") == (12, 3, 4)
    assert seconds_a_token(runtime, case_of(file)) > 0


def test_each_contestant_has_a_context_of_its_own_kind(file: Path, runtime: LlamaRuntime) -> None:
    contestants = contestants_of(case_of(file), runtime)
    assert set(contestants) == {NONE, ASKED, CAPTURE, LOOKED_UP, NONE_AGAIN}
    ours = runtime._memory.watch
    seen = {}
    for name, turn in contestants.items():
        before = ours.observer.rebuilt
        turn()
        seen[name] = ours.observer.rebuilt - before
    assert {name for name, graphs in seen.items() if graphs} == {ASKED, CAPTURE}


def test_what_is_added_is_told_as_a_share(file: Path) -> None:
    runs = {
        name: [[seconds, seconds]]
        for name, seconds in ((NONE, 1.0), (NONE_AGAIN, 3.0), (ASKED, 2.1), (LOOKED_UP, 2.4), (CAPTURE, 2.2))
    }
    share, asks, *_ = findings(case_of(file), runs).rows
    assert share.spread.median == pytest.approx(0.1)
    assert asks.spread.median == pytest.approx(0.25)


def test_it_makes_a_table(file: Path) -> None:
    section = measure(case_of(file), file, lambda *_: lambda: None, rounds=1)
    assert len(section.rows) == 7
