"""The stopwatch: what it counts, what it leaves alone, and the hooks it finds."""

import pytest
import torch
from torch import Tensor, nn

from benchmarks import stopwatch as module
from benchmarks.stopwatch import Stopwatch, own_cost


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replace the clock by one that only moves when told."""
    now = [0]

    class Clock:
        @staticmethod
        def perf_counter_ns() -> int:
            return now[0]

    monkeypatch.setattr(module, "time", Clock)
    return now


def test_time_inside_is_added_up(clock: list[int]) -> None:
    stopwatch = Stopwatch()

    def work(nanoseconds: int) -> str:
        clock[0] += nanoseconds
        return "done"

    timed = stopwatch.timed(work)
    assert timed(30) == timed(12) == "done"
    clock[0] += 1000
    assert (stopwatch.nanoseconds, stopwatch.calls) == (42, 2)


def test_a_timed_function_inside_another_counts_once(clock: list[int]) -> None:
    stopwatch = Stopwatch()

    def tick() -> None:
        clock[0] += 5

    inner = stopwatch.timed(tick)
    stopwatch.timed(inner)()
    assert (stopwatch.nanoseconds, stopwatch.calls) == (5, 1)


def test_a_failure_is_counted_and_goes_on_its_way(clock: list[int]) -> None:
    stopwatch = Stopwatch()

    def fail() -> None:
        clock[0] += 7
        raise KeyError

    with pytest.raises(KeyError):
        stopwatch.timed(fail)()
    assert stopwatch.nanoseconds == 7


def hook(_module: nn.Module, _args: object, _output: Tensor) -> None:
    """Be a hook of this package."""


def test_only_the_hooks_of_the_package_are_timed() -> None:
    stopwatch, layer = Stopwatch(), nn.Identity()
    with stopwatch.on_hooks_of(hook.__module__.partition(".")[0]):
        layer.register_forward_hook(hook)
    with stopwatch.on_hooks_of("somebody_else"):
        layer.register_forward_hook(hook)
    layer.register_forward_hook(hook)
    layer(torch.ones(1))
    assert stopwatch.calls == 1


def test_its_own_cost_is_something() -> None:
    assert own_cost() > 0
