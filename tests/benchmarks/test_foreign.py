"""The arithmetic of foreign CPU, and a look at real processes."""

import subprocess
import sys

import pytest

from benchmarks.foreign import CpuTimes, ForeignCpu, cpu_times, foreign_share

BUSY_CHILD = "import time\nwhile time.process_time() < 0.3: pass"


def times(clock: float, machine: float, own: float) -> CpuTimes:
    return CpuTimes(clock, machine, own)


def test_what_own_processes_used_is_not_foreign() -> None:
    assert foreign_share(times(10, 100, 5), times(20, 115, 20), processors=2) == 0


def test_what_others_used_is_a_share_of_all_processors() -> None:
    assert foreign_share(times(10, 100, 5), times(20, 109, 9), processors=2) == pytest.approx(5 / 20)


def test_a_count_that_lags_behind_is_no_negative_share() -> None:
    assert foreign_share(times(0, 0, 0), times(1, 0.5, 0.6), processors=1) == 0


def test_no_time_has_no_share() -> None:
    assert foreign_share(times(3, 1, 1), times(3, 2, 1), processors=4) == 0


@pytest.mark.parametrize(("share", "void"), [(0.0, False), (0.10, False), (0.1001, True), (1.0, True)])
def test_more_than_a_tenth_voids(share: float, void: bool) -> None:
    assert ForeignCpu(share).void is void


def test_a_child_counts_as_own_while_it_runs_and_after_it_was_waited_for() -> None:
    before = cpu_times().own
    child = subprocess.Popen([sys.executable, "-c", f"{BUSY_CHILD}\ninput()"], stdin=subprocess.PIPE)
    try:
        while cpu_times().own - before < 0.25:  # the test's time limit ends this where it never comes true
            pass
        running = cpu_times().own
    finally:
        child.communicate(b"\n")
    assert cpu_times().own >= running - 0.02  # two ticks
