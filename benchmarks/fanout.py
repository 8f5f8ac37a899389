"""Whether a viewer that has stopped reading slows the model down.

Four viewers take every scan. In one half of the runs all of them read; in the other half one of them has
stopped long ago: its queue is full, and every new scan drops an old one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from benchmarks.models import pocket
from benchmarks.pairs import Runs, interleave, per_round, ratio, spread
from benchmarks.report import Gate, Row, Section, microseconds, plain
from benchmarks.runs import Advance, Findings, Track, run
from benchmarks.served import Served, served
from benchmarks.timed_runtime import TokenTimes
from benchmarks.viewers import Viewer, viewers

ALL_READ, ONE_STOPPED, ALL_READ_AGAIN = "none stopped", "one stopped", "none stopped again"
TITLE = "Fan-out, four viewers on pocket"
PROMPT = "Tell me a story."
TOKENS = 100
ROUNDS = 12
READERS = 3  # that read in every run
IN_FLIGHT = 8 << 20  # bytes: more than the system and a sender hold for a viewer that does not read
POLL = 0.1  # seconds between two reports
PATIENCE = 150.0  # seconds: a sender whose segments found no room tries again after up to 120 (TCP_RTO_MAX)

GATE = Gate(1.03)


def sections(track: Track, rounds: int | None = None) -> Iterator[Section]:
    """Measure; `rounds` replaces the number of rounds."""
    rounds = rounds or ROUNDS
    with served(pocket(), PROMPT, TOKENS) as here, ExitStack() as stack:
        *readers, other = stack.enter_context(viewers(here.server.address, READERS + 1))
        (stopped,) = stack.enter_context(viewers(here.server.address, 1, narrow=True))
        pair = Pair(here, other, stopped)
        for viewer in (*readers, other):
            viewer.tell("read")
        pair.subscribe(*readers)
        fill(pair)
        contestants = contestants_of(pair)

        def take_turns(advance: Advance) -> Runs[TokenTimes]:
            return interleave(contestants, rounds, advance)

        section = run(TITLE, 2 * rounds * len(contestants), take_turns, findings, track)
        yield section.with_note(f"Of {pair.sent:,} scans the stopped viewer lost {lost(stopped, pair):,}.")


class Pair:
    """Two viewers of which one is subscribed: one that reads, and one that does not.

    Attributes:
        sent: How many scans the one that does not read was meant to get so far.
        room: How many of them can wait for it: in its queue, in the system, with its sender.
    """

    def __init__(self, here: Served, reading: Viewer, stopped: Viewer) -> None:
        self._here = here
        self._members = (reading, stopped)
        self._current: Viewer | None = None
        card = here.runtime.card
        self.room = here.server.settings.queue_scans + IN_FLIGHT // (card.layers * card.hidden_size * 2)
        self.sent = 0

    def turn(self, *, stopped: bool) -> TokenTimes:
        """Hold a turn with one of them subscribed, and give the times of its tokens."""
        self.use(stopped=stopped)
        times = self._here.turn()
        if stopped:
            self.sent += self._here.runtime.last_turn.scans
        return times

    def subscribe(self, *others: Viewer) -> None:
        """Subscribe more viewers, and wait until the hub knows."""
        plans = self._here.runtime.plans
        for viewer in others:
            viewer.tell("subscribe")
        self._here.await_plans(plans + len(others))

    def use(self, *, stopped: bool) -> None:
        """Subscribe one and not the other, and wait until the hub knows."""
        chosen = self._members[stopped]
        if chosen is self._current:
            return
        plans = self._here.runtime.plans
        if self._current is not None:
            self._current.tell("unsubscribe")
            plans += 1
        chosen.tell("subscribe")
        self._here.await_plans(plans + 1)
        self._current = chosen


def fill(pair: Pair) -> None:
    """Let the model speak until the stopped viewer's queue is full."""
    while pair.sent < pair.room:
        pair.turn(stopped=True)


def contestants_of(pair: Pair) -> dict[str, Callable[[], TokenTimes]]:
    """Return what takes turns."""
    return {
        ALL_READ: lambda: pair.turn(stopped=False),
        ONE_STOPPED: lambda: pair.turn(stopped=True),
        ALL_READ_AGAIN: lambda: pair.turn(stopped=False),
    }


def findings(runs: Runs[TokenTimes]) -> Findings:
    """Work out the table."""
    hooks = per_round(runs, lambda times: times.hooks)
    tokens = per_round(runs, lambda times: times.token)
    rates = {name: [1 / seconds for seconds in figures] for name, figures in tokens.items()}
    return Findings(
        rows=(
            Row("hooks and hand-over, one stopped / none", ratio(hooks[ONE_STOPPED], hooks[ALL_READ]), GATE),
            Row("hooks and hand-over, none / none (control)", ratio(hooks[ALL_READ_AGAIN], hooks[ALL_READ])),
            Row("tokens a second, one stopped / none", ratio(rates[ONE_STOPPED], rates[ALL_READ])),
            Row("tokens a second, none / none (control)", ratio(rates[ALL_READ_AGAIN], rates[ALL_READ])),
            Row("hooks and hand-over a token, none stopped", spread(hooks[ALL_READ]), write=microseconds),
            Row("tokens a second, none stopped", spread(rates[ALL_READ]), write=plain),
        ),
        notes=(
            "The gate is on the time inside the hooks, which is steadier than whole generations; the control "
            "says how steady. A stopped viewer may make the model faster: its sender rests.",
        ),
    )


def lost(stopped: Viewer, pair: Pair) -> int:
    """Let the stopped viewer read, and give how many scans it was told it has lost.

    Raises:
        TimeoutError: It was told nothing.
        RuntimeError: It lost too few: its queue was not full all the time, and something else was measured.
    """
    stopped.tell("read")
    deadline = time.monotonic() + PATIENCE
    while not (dropped := stopped.report()[1]):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the stopped viewer was told of no lost scan within {PATIENCE:.0f} seconds")
        time.sleep(POLL)
    if pair.sent - dropped > pair.room:
        raise RuntimeError(
            f"the stopped viewer lost {dropped} of {pair.sent} scans, expected all but {pair.room}"
        )
    return dropped
