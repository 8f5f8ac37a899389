"""Recording to a file beside the bare writing of the same bytes, and how a recorded session opens."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.pairs import Runs, interleave, per_round, ratio, spread
from benchmarks.report import Gate, Row, Section, milliseconds, percent
from benchmarks.runs import Advance, Findings, Track, run
from llmri_client.sessions.index import Index
from llmri_client.sessions.reader import Session, open_session
from llmri_client.sessions.writer import SessionWriter
from llmri_protocol.arrays import scan_message
from llmri_protocol.codec import encode
from llmri_protocol.fields import PROTOCOL_VERSION
from llmri_protocol.frames import LENGTH

SIZES = {"64 KiB": ((8, 2048), Gate(2.5)), "1.3 MB": ((40, 8192), Gate(2.0))}
BYTES = 128 << 20  # written in a run
ROUNDS = 5
MANY = 100_000  # messages
OVER_PAYLOAD = Gate(1.01)
OVER_REBUILD = Gate(20, at_most=False)
SEEK = Gate(1.5)
LOOKS = 200  # random moments a run


def sections(track: Track, rounds: int | None = None) -> Iterator[Section]:
    """Measure writing at both sizes, and opening; `rounds` replaces the number of rounds."""
    with tempfile.TemporaryDirectory() as folder:
        for name in SIZES:
            yield writing(name, Path(folder), track, rounds or ROUNDS)
        yield opening(Path(folder), track, rounds or ROUNDS)


def writing(name: str, folder: Path, track: Track, rounds: int) -> Section:
    """Measure the recording of scans of one size in float32."""
    shape, gate = SIZES[name]
    body = scan(shape, 1, 0)
    count = max(1, BYTES // len(body))
    file = folder / "written"

    def bare() -> float:
        began = time.perf_counter()
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for _ in range(count):
            os.write(descriptor, body)
        os.close(descriptor)
        return time.perf_counter() - began

    def recorded() -> float:
        began = time.perf_counter()
        writer = SessionWriter(file, PROTOCOL_VERSION, "bench", force=True)
        for _ in range(count):
            writer.append([body], 0.0)
        taken = time.perf_counter() - began
        writer.close()
        return taken

    contestants = {"bare": bare, "recorded": recorded}

    def take_turns(advance: Advance) -> Runs[float]:
        return interleave(contestants, rounds, advance)

    def findings(runs: Runs[float]) -> Findings:
        seconds = per_round(runs, lambda taken: taken)
        recorded()
        share = file.stat().st_size / (count * len(body))
        file.unlink()
        return Findings(
            rows=(
                Row("recorded / bare write", ratio(seconds["recorded"], seconds["bare"]), gate),
                Row("file / payload", spread([share]), OVER_PAYLOAD),
                Row(
                    "a message", spread([taken / count for taken in seconds["recorded"]]), write=milliseconds
                ),
            ),
            notes=(
                f"{count:,} scans of {name}, each a chunk with its CRC, handed over before the next. "
                "Bare is `os.write` of the same bodies into a file of the same folder.",
            ),
        )

    return run(f"Recording, {name}", 2 * rounds * len(contestants), take_turns, findings, track)


def opening(folder: Path, track: Track, rounds: int) -> Section:
    """Measure the opening of a file of many messages by its index and without, and looks into it."""
    short, long = (made(folder / str(count), count) for count in (MANY // 10, MANY))
    contestants: dict[str, Callable[[], float]] = {
        "index": lambda: timed(long, indexed=True),
        "rebuilt": lambda: timed(long, indexed=False),
        "long": lambda: looked(long, MANY),
        "short": lambda: looked(short, MANY // 10),
    }

    def take_turns(advance: Advance) -> Runs[float]:
        return interleave(contestants, rounds, advance)

    def findings(runs: Runs[float]) -> Findings:
        seconds = per_round(runs, lambda taken: taken)
        return Findings(
            rows=(
                Row(
                    "no index / index",
                    ratio(seconds["rebuilt"], seconds["index"]),
                    OVER_REBUILD,
                ),
                Row(
                    "a look, file ten times as long / one",
                    ratio(seconds["long"], seconds["short"]),
                    SEEK,
                ),
                Row("opened by its index", spread(seconds["index"]), write=milliseconds),
                Row("opened without", spread(seconds["rebuilt"]), write=milliseconds),
                Row("a look", spread([taken / LOOKS for taken in seconds["long"]]), write=milliseconds),
                Row(
                    "the index's share of the file",
                    spread([len(packed_index(long)) / long.stat().st_size]),
                    write=percent,
                ),
            ),
            notes=(
                f"{MANY:,} messages, scans of [2, 64] in float32. A look finds a random turn's token's "
                "scan and reads it; ten times the messages, the same looks.",
            ),
        )

    return run("Sessions, opened", 2 * rounds * len(contestants), take_turns, findings, track)


def scan(shape: tuple[int, int], turn: int, token: int) -> bytes:
    """Return the body of a scan of random values."""
    rows = np.random.default_rng(token).standard_normal(shape, np.float32)
    message = scan_message(
        rows,
        "f32",
        turn=turn,
        token=token,
        phase="generate",
        site="mlp_act",
        layers=tuple(range(shape[0])),
        time=float(turn),
    )
    return b"".join(encode(message))[LENGTH.size :]


def made(path: Path, count: int) -> Path:
    """Write a session of so many scans, 100 a turn."""
    with SessionWriter(path, PROTOCOL_VERSION, "bench") as writer:
        for number in range(count):
            writer.append([scan((2, 64), 1 + number // 100, number % 100)], 0.0)
    return path


def timed(path: Path, *, indexed: bool) -> float:
    """Return the seconds that it takes to open a session."""
    began = time.perf_counter()
    with open_session(path) if indexed else _Walked.open(path) as session:
        taken = time.perf_counter() - began
        if session.indexed != indexed:
            raise RuntimeError(f"{path} was opened in the other way")
    return taken


def looked(path: Path, count: int) -> float:
    """Return the seconds that looks at random moments take, the session open."""
    with open_session(path) as session:
        session.find("/scan/mlp_act", 1, 0)  # the table of moments is made once
        numbers = np.random.default_rng(0).integers(0, count, LOOKS).tolist()
        began = time.perf_counter()
        for number in numbers:
            found = session.find("/scan/mlp_act", 1 + number // 100, number % 100)
            if found is None:
                raise RuntimeError(f"moment {number} is not in {path}")
            session.at(found)
        return time.perf_counter() - began


def packed_index(path: Path) -> bytes:
    """Return a session's index, packed."""
    with open_session(path) as session:
        return session.index.packed()


class _Walked(Session):
    """A session whose own index is passed over."""

    @classmethod
    def open(cls, path: Path) -> "_Walked":
        return cls(path, os.open(path, os.O_RDONLY))

    def _own_index(self) -> Index | None:
        return None
