"""Scans a second from one process to another over loopback, beside the bare bytes and hex in JSON."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from benchmarks.loopback import Loopback, loopback
from benchmarks.pairs import Runs, interleave, per_round, ratio, spread
from benchmarks.report import Gate, Row, Section, plain
from benchmarks.runs import Advance, Findings, Track, run
from benchmarks.transports import WAYS

SHAPES = ((16, 2048), (80, 8192))
ROUNDS = 12
SECONDS = 0.25  # that one run of one way takes, about
TRIALS = (2, 20)  # scans: to warm up, and to learn how many fit into that time

OVER_RAW = Gate(0.85, at_most=False)
OVER_HEX = Gate(20, at_most=False)


def sections(track: Track, rounds: int | None = None) -> Iterator[Section]:
    """Measure both shapes; `rounds` replaces the number of rounds."""
    for shape in SHAPES:
        yield measure(shape, track, rounds or ROUNDS)


def measure(shape: tuple[int, int], track: Track, rounds: int, seconds: float = SECONDS) -> Section:
    """Measure scans of one shape, `[layers, width]`, in runs of about so many seconds."""
    rows = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    with loopback(rows) as line:
        contestants = contestants_of(line, {way: count_for(line, way, seconds) for way in WAYS})

        def take_turns(advance: Advance) -> Runs[float]:
            return interleave(contestants, rounds, advance)

        return run(
            f"Wire, [{shape[0]}, {shape[1]}] float32", 2 * rounds * len(WAYS), take_turns, findings, track
        )


def count_for(line: Loopback, way: str, seconds: float) -> int:
    """Return how many scans go one way in about so many seconds."""
    for trial in TRIALS:
        taken = line.seconds(way, trial) / trial
    return max(1, round(seconds / taken))


def contestants_of(line: Loopback, counts: Mapping[str, int]) -> dict[str, Callable[[], float]]:
    """Return what takes turns; each gives its scans a second."""

    def rate(way: str) -> Callable[[], float]:
        return lambda: counts[way] / line.seconds(way, counts[way])

    return {way: rate(way) for way in WAYS}


def findings(runs: Runs[float]) -> Findings:
    """Work out the table."""
    rates = per_round(runs, lambda rate: rate)
    ours, raw = rates["ours"], rates["raw"]
    return Findings(
        rows=(
            Row("LLMRI / raw", ratio(ours, raw), OVER_RAW),
            Row("LLMRI / hex in JSON", ratio(ours, rates["hex"]), OVER_HEX),
            Row("LLMRI, one scan a call / raw", ratio(rates["one"], raw)),
            Row("LLMRI, one scan a call / hex in JSON", ratio(rates["one"], rates["hex"])),
            Row("LLMRI, each message made first / raw", ratio(rates["made"], raw)),
            Row("LLMRI, made with statistics / raw", ratio(rates["described"], raw)),
            Row("LLMRI, made with statistics / made without", ratio(rates["described"], rates["made"])),
            Row("LLMRI, scans a second", spread(ours), write=plain),
            Row("raw, scans a second", spread(raw), write=plain),
        ),
        notes=(
            "Raw is `sendall` of the same bytes into `recv_into` of one buffer, a scan a call. LLMRI encodes "
            "messages, sends as many in one call as a server's sender takes from a full queue (up to a "
            "megabyte), receives and decodes them. Made first, a message is shaped from a scan that nobody "
            "has looked at, as for each viewer; with statistics (minima, maxima, means and deviations), "
            "which a viewer may ask for, they are worked out too, once for all viewers that do.",
            "Hex in JSON is the original's way, one body a layer; its statistics are given too.",
        ),
    )
