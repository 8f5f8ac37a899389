"""Frames in a file: what is written is read, byte for byte, and damage is a sentence."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmri_client.recording import HEAD, MAGIC, Frame, FrameWriter, RecordingError, read_frames
from llmri_protocol.messages import Sender

FRAMES = (
    Frame(1700000000.25, "server", b"welcome"),
    Frame(1700000000.5, "client", b""),
    Frame(-1.0, "server", bytes(range(256)) * 300),
)


def written(path: Path, frames: tuple[Frame, ...] = FRAMES, *, packed: bool = False) -> Path:
    with FrameWriter(path, packed=packed) as writer:
        for frame in frames:
            half = len(frame.body) // 2
            writer.append(frame.time, frame.sender, [frame.body[:half], memoryview(frame.body)[half:]])
    return path


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_frames_come_back_byte_for_byte_with_their_times_and_directions(tmp_path: Path, packed: bool) -> None:
    path = written(tmp_path / "a.frames", packed=packed)
    assert tuple(read_frames(path)) == FRAMES
    assert (path.read_bytes()[:2] == b"\x1f\x8b") is packed


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.builds(
            Frame,
            st.floats(allow_nan=False, allow_infinity=False),
            st.sampled_from(["server", "client"]),
            st.binary(),
        )
    )
)
def test_any_frames_come_back(tmp_path: Path, frames: list[Frame]) -> None:
    path = tmp_path / "any.frames"
    path.unlink(missing_ok=True)
    assert list(read_frames(written(path, tuple(frames)))) == frames


def test_the_same_frames_make_the_same_file(tmp_path: Path) -> None:
    one, other = (written(tmp_path / name, packed=True) for name in ("one.frames", "other.frames"))
    assert one.read_bytes() == other.read_bytes()


def test_the_frames_before_an_end_that_is_missing_are_given(tmp_path: Path) -> None:
    path = written(tmp_path / "a.frames")
    path.write_bytes(path.read_bytes()[:-10])
    frames = read_frames(path)
    assert (next(frames), next(frames)) == FRAMES[:2]
    with pytest.raises(RecordingError, match="cut off in frame 3: 76790 of its 76800 bytes are there"):
        next(frames)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_whatever_is_cut_off_or_changed_is_a_sentence(tmp_path: Path, packed: bool) -> None:
    whole = written(tmp_path / "a.frames", packed=packed).read_bytes()
    damaged, rng = tmp_path / "damaged.frames", np.random.default_rng(0)
    begins = {len(MAGIC)} if packed else _ends(FRAMES)  # a file may end where a frame ends
    lengths = set(range(min(len(whole), 120))) | {len(whole) - 1, len(whole) - 5}
    cuts = [whole[:length] for length in sorted(lengths) if packed or length not in begins]
    flips = [_flipped(whole, int(place)) for place in rng.integers(10 if packed else 0, len(whole), 60)]
    for content in cuts + flips:
        damaged.write_bytes(content)
        with pytest.raises(RecordingError, match=r"damaged\.frames (is|does)") as told:
            list(read_frames(damaged))
        assert "\n" not in str(told.value)


def _ends(frames: tuple[Frame, ...]) -> set[int]:
    ends = [len(MAGIC)]
    for frame in frames:
        ends.append(ends[-1] + HEAD.size + 4 + len(frame.body))
    return set(ends)


def _flipped(whole: bytes, place: int) -> bytes:
    return whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_a_body_over_the_limit_is_refused_before_it_is_read(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "a.frames"
    head = MAGIC + HEAD.pack(0.0, 0, 2**32 - 1) + bytes(4)
    path.write_bytes(gzip.compress(head) if packed else head)
    with pytest.raises(RecordingError, match="frame 1 has 4294967295 bytes, expected at most 1000"):
        next(read_frames(path, limit=1000))


@pytest.mark.parametrize(("time", "sender"), [(float("nan"), 0), (1.0, 2)])
def test_what_no_writer_writes_is_damage_though_its_checksum_is_right(
    tmp_path: Path, time: float, sender: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.frames"
    monkeypatch.setattr("llmri_client.recording._checksum", lambda head, body: 0)
    path.write_bytes(MAGIC + HEAD.pack(time, sender, 0) + bytes(4))
    with pytest.raises(RecordingError, match="frame 1 is not as it was written"):
        next(read_frames(path))


def test_a_file_of_something_else_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("no frames at all")
    with pytest.raises(RecordingError, match=r"a\.txt is no recording"):
        list(read_frames(path))


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = written(tmp_path / "a.frames")
    with pytest.raises(FileExistsError):
        FrameWriter(path)
    assert tuple(read_frames(path)) == FRAMES


@pytest.mark.parametrize("time", [float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(tmp_path: Path, time: float) -> None:
    sender: Sender = "server"
    with FrameWriter(tmp_path / "a.frames") as writer, pytest.raises(ValueError, match="expected a number"):
        writer.append(time, sender, [b"x"])
    assert list(read_frames(tmp_path / "a.frames")) == []
