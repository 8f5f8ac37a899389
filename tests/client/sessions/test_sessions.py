import resource
import signal
import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from llmri_client.sessions import writer as writing
from llmri_client.sessions.heads import BodyError
from llmri_client.sessions.reader import SessionError, open_session
from llmri_client.sessions.writer import SessionWriteError, SessionWriter
from llmri_protocol.fields import PROTOCOL_VERSION
from llmri_protocol.messages import Scan
from tests.client.sessions.made import turn, write

mcap_reader = pytest.importorskip("mcap.reader")
mcap_stream = pytest.importorskip("mcap.stream_reader")


def read(path: Path) -> list[bytes]:
    with open_session(path) as session:
        return [bytes(each.body) for each in session.bodies()]


def test_bodies_come_back_byte_for_byte(tmp_path: Path) -> None:
    bodies = write(tmp_path / "a.mcap")
    assert read(tmp_path / "a.mcap") == bodies
    with open_session(tmp_path / "a.mcap") as session:
        assert session.indexed
        assert not session.faults
        assert session.turns == [1, 2, 3]
        assert session.topics == {"/turn_start": 3, "/token": 15, "/scan/resid_post": 15, "/turn_end": 3}


def test_a_moment_is_found(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap", turns=4, tokens=6)
    with open_session(tmp_path / "a.mcap") as session:
        number = session.find("/scan/resid_post", 3, 4)
        assert number is not None
        scan = session.at(number).message()
        assert isinstance(scan, Scan)
        assert (scan.turn, scan.token) == (3, 4)
        assert session.find("/scan/resid_post", 3, 6) is None
        assert session.find("/scan/z", 3, 4) is None
        begun = session.find("/token", 2)
        assert begun is not None
        assert session.at(begun).head.token == 0


def test_the_package_of_the_format_reads_it(tmp_path: Path) -> None:
    bodies = write(tmp_path / "a.mcap")
    with (tmp_path / "a.mcap").open("rb") as file:
        reader = mcap_reader.make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        found = list(reader.iter_messages())
    assert summary.statistics.message_count == len(bodies) + 1
    assert [message.data for _, _, message in found][1:] == bodies
    assert [message.sequence for _, _, message in found] == list(range(len(bodies) + 1))
    assert {channel.topic for _, channel, _ in found} == {
        "/session",
        "/turn_start",
        "/token",
        "/scan/resid_post",
        "/turn_end",
    }
    times = [message.log_time for _, _, message in found]
    assert all(before < after for before, after in pairwise(times))
    with (tmp_path / "a.mcap").open("rb") as file:
        assert sum(1 for _ in mcap_stream.StreamReader(file, validate_crcs=True).records) > len(bodies)
    with (tmp_path / "a.mcap").open("rb") as file:
        reader = mcap_reader.make_reader(file)
        assert [each.name for each in reader.iter_attachments()] == ["llmri.index"]
        middle = times[10]
        assert [
            m.sequence for _, _, m in reader.iter_messages(starting_at=middle, ending_before=middle + 1)
        ] == [10]


@pytest.mark.parametrize("compression", ["ZSTD", "LZ4", "NONE"])
@pytest.mark.parametrize("chunk", [1, 4096, 1 << 20])
def test_files_that_the_package_wrote_are_read(tmp_path: Path, compression: str, chunk: int) -> None:
    from mcap.writer import CompressionType, Writer  # noqa: PLC0415 - skipped without it

    bodies = [body for number in (1, 2) for body in turn(number, 8)]
    with (tmp_path / "b.mcap").open("wb") as file:
        foreign = Writer(file, chunk_size=chunk, compression=CompressionType[compression])
        foreign.start("llmri", "foreign")
        schema = foreign.register_schema("any", "", b"")
        channel = foreign.register_channel("/x", "msgpack", schema)
        for number, body in enumerate(bodies):
            foreign.add_message(channel, number, body, number, number)
        foreign.finish()  # type: ignore[no-untyped-call]
    assert read(tmp_path / "b.mcap") == bodies


def test_cut_at_every_byte_of_its_last_messages(tmp_path: Path) -> None:
    whole = tmp_path / "whole.mcap"
    bodies = write(whole, turns=2, tokens=2, close=False)
    data = whole.read_bytes()
    starts = record_starts(data)
    cut = tmp_path / "cut.mcap"
    for length in range(starts[-6], len(data)):  # a chunk and its index are two records
        cut.write_bytes(data[:length])
        expected = sum(1 for place, end in chunk_spans(data) if end <= length) - 1
        assert read(cut) == bodies[:expected], length


def record_starts(data: bytes) -> list[int]:
    places, place = [], 8
    while place + 9 <= len(data):
        places.append(place)
        place += 9 + struct.unpack_from("<Q", data, place + 1)[0]
    return places


def chunk_spans(data: bytes) -> list[tuple[int, int]]:
    return [
        (place, place + 9 + struct.unpack_from("<Q", data, place + 1)[0])
        for place in record_starts(data)
        if data[place] == 6
    ]


def test_flipped_bits_make_no_wrong_data_and_each_loss_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    bodies = write(path, turns=3, tokens=12)
    good, random = path.read_bytes(), Random(3)
    losses, known = [], set(bodies)
    for _ in range(400):
        place = random.randrange(8, len(good))
        damaged = bytearray(good)
        damaged[place] ^= 1 << random.randrange(8)
        path.write_bytes(damaged)
        try:
            with open_session(path) as session:
                found = [bytes(each.body) for each in session.bodies()]
                faults = list(session.faults)
        except SessionError:
            pytest.fail(f"byte {place} made the whole file unreadable")
        assert all(body in known for body in found), place
        assert len(found) == len(bodies) or faults, place
        losses.append(len(bodies) - len(found))
    assert sum(loss > 1 for loss in losses) <= 0.01 * len(losses)


KILLED = """
import sys
from itertools import pairwise
from pathlib import Path
from tests.client.sessions.made import turn
from llmri_client.sessions.writer import SessionWriter
writer = SessionWriter(Path(sys.argv[1]), 1, "tests")
bodies = turn(1, 200)
for number in range(10**9):
    writer.append([bodies[number % len(bodies)]], float(number))
    print(number, flush=True)
"""


@pytest.mark.parametrize("moment", range(5))
def test_all_that_was_acknowledged_survives_a_kill(tmp_path: Path, moment: int) -> None:
    path = tmp_path / "a.mcap"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    for _ in range(100 + 37 * moment):
        last = process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.wait()
    acknowledged = int(rest[-1] if rest else last)
    assert len(read(path)) >= acknowledged  # its last line may have been half written


def test_a_full_disk_ends_it_in_a_sentence_and_keeps_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    bodies = turn(1, 50)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        writer = SessionWriter(path, PROTOCOL_VERSION, "tests")
        written = 0
        while (place := writer.written) < 19_000:
            writer.append([bodies[written]], 1.0)
            written += 1
        with pytest.raises(SessionWriteError, match="messages, which are kept"):
            writer.append([turn(1, 1, width=2000)[2]], 1.0)
        assert path.stat().st_size == place
        with pytest.raises(SessionWriteError):
            writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert read(path) == bodies[:written]


def test_a_file_that_is_there_is_refused_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    write(path)
    with pytest.raises(FileExistsError):
        SessionWriter(path, PROTOCOL_VERSION, "tests")
    SessionWriter(path, PROTOCOL_VERSION, "tests", force=True).close()
    assert read(path) == []


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    SessionWriter(tmp_path / "a.mcap", PROTOCOL_VERSION, "tests").close()
    assert (tmp_path / "a.mcap").stat().st_mode & 0o777 == 0o600


def test_what_is_no_message_is_not_written(tmp_path: Path) -> None:
    with SessionWriter(tmp_path / "a.mcap", PROTOCOL_VERSION, "tests") as writer:
        with pytest.raises(BodyError):
            writer.append([b"\xc1"], 1.0)
        assert len(writer) == 1


@pytest.mark.parametrize("data", [b"", b"x" * 100, b"\x89MCAP0\r\n", b"\x89MCAP0\r\n" + b"\x06" * 500])
def test_other_files_are_refused_in_a_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.mcap").write_bytes(data)
    with pytest.raises(SessionError, match=r"a\.mcap"):
        open_session(tmp_path / "a.mcap")


@pytest.mark.parametrize(("form", "protocol"), [(2, PROTOCOL_VERSION), (1, PROTOCOL_VERSION + 1)])
def test_a_later_version_is_refused_by_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: int, protocol: int
) -> None:
    monkeypatch.setattr(writing, "FORMAT", form)
    SessionWriter(tmp_path / "a.mcap", protocol, "tests").close()
    with pytest.raises(SessionError, match=f"format {form} and protocol {protocol}.*update"):
        open_session(tmp_path / "a.mcap")


def test_an_index_that_lies_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    bodies = write(path, turns=1, tokens=3)
    data = bytearray(path.read_bytes())
    first = chunk_spans(bytes(data))[3]
    data[first[0] + 60] ^= 1  # inside a message
    path.write_bytes(data)
    with open_session(path) as session:
        assert session.indexed
        found = [bytes(each.body) for each in session.bodies()]
    assert len(found) == len(bodies) - 1
    assert [fault.offset for fault in session.faults] == [first[0]]


def test_memory_is_bounded_by_the_file(tmp_path: Path) -> None:
    huge = struct.pack("<BQ", 6, 1 << 62) + b"\0" * 100
    (tmp_path / "a.mcap").write_bytes(b"\x89MCAP0\r\n" + huge * 20)
    with pytest.raises(SessionError):
        open_session(tmp_path / "a.mcap")
