"""Nothing that is raised as a callback is entered gets lost."""

import ctypes
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

import numpy as np
import pytest

from llmri_server.llama_runtime import LlamaRuntime
from llmri_server.llama_runtime.observer import Observer, _ByHeart, noticed
from llmri_server.llama_runtime.probing import _Surveyor, probe
from llmri_server.runtime import CapturePlan
from tests.server.llama_runtime.turns import Everything, Generate

IDS = (5, 104, 101, 9, 99, 31, 260)
Plain = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)


@contextmanager
def interrupted(code: CodeType, number: int) -> Iterator[None]:
    """Raise at the n-th entry of some code, as Python does where a signal has come."""
    entries = 0

    def count(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal entries
        if event == "call" and frame.f_code is code:
            entries += 1
            if entries == number:
                raise KeyboardInterrupt  # which also ends the counting

    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)
        assert entries == number


@pytest.mark.parametrize("code", [_ByHeart.__missing__.__code__, Observer._act.__code__])
@pytest.mark.parametrize("entry", [1, 20, 37])
def test_ctrl_c_in_a_pass_is_raised_after_it_and_the_next_one_works(
    runtime: LlamaRuntime, everything: Everything, code: CodeType, entry: int
) -> None:
    sites = everything(runtime).sites
    expected = runtime.measure(IDS, [[]], sites=sites, logits=7)
    with pytest.raises(KeyboardInterrupt), interrupted(code, entry):
        runtime.measure(IDS, [[]], sites=sites, logits=7)
    again = runtime.measure(IDS, [[]], sites=sites, logits=7)
    np.testing.assert_array_equal(again.logits, expected.logits)
    for site, _ in sites:
        np.testing.assert_array_equal(again.rows[site], expected.rows[site])


def test_a_turn_of_the_main_thread_ends_with_it_and_keeps_nothing(
    runtime: LlamaRuntime, generate: Generate
) -> None:
    runtime.capture(CapturePlan((("resid_post", (0, 1, 2)),)))
    before = generate(runtime, "the cat sat")
    with pytest.raises(KeyboardInterrupt), interrupted(Observer._act.__code__, 12):
        generate(runtime, "the cat sat")
    assert runtime.context() == ()
    assert generate(runtime, "the cat sat").listener.tokens == before.listener.tokens


def test_a_signal_as_a_node_is_shown_ends_the_pass(runtime: LlamaRuntime) -> None:
    """A signal that comes in C code waits for the next function of Python's."""
    observer = runtime._aside.observer
    get = runtime._model.engine.ggml.get

    def slow(*arguments: object) -> None:
        get(*arguments)
        signal.raise_signal(signal.SIGINT)

    runtime._model.engine.ggml.get = slow
    try:
        with pytest.raises(KeyboardInterrupt):
            runtime.measure(IDS, [[]], sites=(("z", (0,)),))
    finally:
        runtime._model.engine.ggml.get = get
    runtime.measure(IDS, [[]], sites=(("z", (0,)),))
    assert observer is runtime._aside.observer


def test_the_look_at_load_is_not_left_half_done(runtime: LlamaRuntime) -> None:
    with pytest.raises(KeyboardInterrupt), interrupted(_Surveyor._look.__code__, 3):
        probe(runtime._model)


def test_the_hook_stands_only_while_somebody_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    others: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: others.append(unraisable.exc_type))
    before = sys.unraisablehook
    told: dict[str, list[BaseException]] = {"one": [], "two": []}
    with noticed(one := failing(ValueError), told["one"].append):
        Plain(one)(1)
        with noticed(two := failing(KeyError), told["two"].append):
            Plain(two)(1)
            Plain(one)(1)
        Plain(two)(1)
        Plain(failing(OSError))(1)
    assert sys.unraisablehook is before
    Plain(one)(1)
    assert [type(error) for error in told["one"]] == [ValueError, ValueError]
    assert [type(error) for error in told["two"]] == [KeyError]
    assert others == [KeyError, OSError, ValueError]


def failing(error: type[Exception]) -> Callable[[int], int]:
    def fail(_number: int) -> int:
        raise error

    return fail
