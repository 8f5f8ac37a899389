"""How much of the machine other processes used while something was measured.

The system counts all processor time; the processes of this run count their own. The difference is foreign:
other programs, the kernel's own threads, and what a hypervisor took away. Time in interrupts belongs to
nobody in particular (over loopback it is mostly this run's own traffic) and is left out.
"""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]  # it brings no types

MOST_FOREIGN = 0.10  # of the machine; more than this and a run is void
BUSY = ("user", "nice", "system", "steal")


@dataclass(frozen=True)
class CpuTimes:
    """Seconds at one moment: on the clock, of all processors' work, and of this run's own processes."""

    clock: float
    machine: float
    own: float


@dataclass
class ForeignCpu:
    """The foreign share of the machine, from 0 to 1; it is known when the measurement is over."""

    share: float = 0.0

    @property
    def void(self) -> bool:
        """Whether the machine was too busy for the numbers to mean anything."""
        return self.share > MOST_FOREIGN


@contextmanager
def watch_foreign_cpu() -> Iterator[ForeignCpu]:
    """Measure the foreign share of what happens inside.

    Times advance in hundredths of a second, so watch seconds, not milliseconds.
    """
    foreign = ForeignCpu()
    before = cpu_times()
    yield foreign
    foreign.share = foreign_share(before, cpu_times(), os.cpu_count() or 1)


def foreign_share(before: CpuTimes, after: CpuTimes, processors: int) -> float:
    """Return the share of all processors' time between two moments that this run's processes did not use."""
    available = (after.clock - before.clock) * processors
    if available <= 0:
        return 0.0
    foreign = (after.machine - before.machine) - (after.own - before.own)
    return min(1.0, max(0.0, foreign / available))


def cpu_times() -> CpuTimes:
    """Return the times of this moment."""
    return CpuTimes(time.perf_counter(), _machine_seconds(), _own_seconds())


def _machine_seconds() -> float:
    times = psutil.cpu_times()
    return sum(getattr(times, name, 0.0) for name in BUSY)


def _own_seconds() -> float:
    """Return the time of this process and everything it started.

    A child that has ended counts among the ended children once it was waited for, and as a process until
    then, so that none is lost or counted twice.
    """
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = resource.getrusage(resource.RUSAGE_SELF)
    seconds = ended.ru_utime + ended.ru_stime + own.ru_utime + own.ru_stime
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds
