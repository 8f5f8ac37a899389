import threading
from collections.abc import Iterable

import numpy as np
import pytest

from llmri_protocol.messages import Bye, Edit, Edits, Notice, Token
from llmri_server.broadcast.outbox import BATCH_PARCELS, Outbox, OutboxItem, OutboxLimits, weight
from llmri_server.broadcast.shared_scans import SharedScan
from llmri_server.runtime import ScanEvent


def scan(number: int, width: int = 4) -> SharedScan:
    rows = np.zeros((1, width), np.float32)
    return SharedScan(1, 0.0, ScanEvent(number, "generate", "resid_post", (0,), "f32", rows))


def token(number: int) -> Token:
    return Token(turn=1, token=number, phase="generate", id=1, text="x")


def taken(outbox: Outbox) -> list[OutboxItem]:
    batch = outbox.take()
    assert batch is not None
    return batch.parcels


def told(outbox: Outbox) -> int:
    batch = outbox.take()
    assert batch is not None
    return batch.dropped


def numbers(parcels: Iterable[OutboxItem]) -> list[int]:
    found = []
    for parcel in parcels:
        assert isinstance(parcel, SharedScan | Token)
        found.append(parcel.event.number if isinstance(parcel, SharedScan) else parcel.token)
    return found


def test_parcels_leave_in_the_order_they_came() -> None:
    outbox = Outbox(OutboxLimits())
    for number in range(3):
        outbox.put(token(number))
        outbox.put_scan(scan(number))
    parcels = taken(outbox)
    assert numbers(parcels) == [0, 0, 1, 1, 2, 2]
    assert [isinstance(parcel, SharedScan) for parcel in parcels] == [False, True] * 3


def test_a_full_box_drops_its_oldest_scans_and_no_token() -> None:
    outbox = Outbox(OutboxLimits(scans=2))
    for number in range(5):
        outbox.put(token(number))
        outbox.put_scan(scan(number))
    parcels = taken(outbox)
    assert numbers(parcel for parcel in parcels if isinstance(parcel, SharedScan)) == [3, 4]
    assert numbers(parcel for parcel in parcels if isinstance(parcel, Token)) == [0, 1, 2, 3, 4]
    assert outbox.dropped == 3


def test_scans_are_bounded_in_bytes_too_but_the_newest_stays() -> None:
    outbox = Outbox(OutboxLimits(scan_bytes=100))
    outbox.put_scan(scan(0))
    outbox.put_scan(scan(1, width=1000))
    assert numbers(taken(outbox)) == [1]


def test_bytes_taken_out_are_free_again() -> None:
    outbox = Outbox(OutboxLimits(scan_bytes=64))
    for _ in range(10):
        outbox.put_scan(scan(0, width=16))
        outbox.take()
    assert outbox.dropped == 0


def test_drops_are_told_once_a_second_with_the_running_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("llmri_server.broadcast.outbox.time.monotonic", lambda: now[0])
    outbox = Outbox(OutboxLimits(scans=1))
    counts = []
    for second in (0, 0.5, 1.1, 1.2):
        now[0] = 100 + second
        for _ in range(3):
            outbox.put_scan(scan(0))
        counts.append(told(outbox))
    assert counts == [2, 0, 6, 0]


def test_the_last_drops_are_told_even_if_nothing_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmri_server.broadcast.outbox.NOTICE_INTERVAL", 0.02)
    outbox = Outbox(OutboxLimits(scans=1))
    outbox.put_scan(scan(0))
    outbox.put_scan(scan(1))
    assert told(outbox) == 1
    outbox.put_scan(scan(2))
    outbox.put_scan(scan(3))
    first = told(outbox)  # at once, so mostly too early to tell
    assert (first or told(outbox)) == 2


@pytest.mark.parametrize(
    "limits", [OutboxLimits(messages=3), OutboxLimits(message_bytes=3 * weight(token(0)))]
)
def test_too_many_messages_end_the_box(limits: OutboxLimits) -> None:
    outbox = Outbox(limits)
    for number in range(3):
        outbox.put(token(number))
    assert not outbox.overflowing
    outbox.put(token(3))
    assert outbox.overflowing
    assert outbox.take() is None


def test_a_finished_box_gives_its_messages_without_scans_and_then_nothing() -> None:
    outbox = Outbox(OutboxLimits())
    outbox.put(token(0))
    outbox.put_scan(scan(0))
    outbox.finish(Bye(reason="over"))
    outbox.put(token(1))
    outbox.put_scan(scan(1))
    assert taken(outbox) == [token(0), Bye(reason="over")]
    assert outbox.take() is None


def test_a_waiting_taker_wakes() -> None:
    outbox = Outbox(OutboxLimits())
    parcels: list[OutboxItem] = []
    taker = threading.Thread(target=lambda: parcels.extend(taken(outbox)))
    taker.start()
    outbox.put(Notice(level="info", message="hello"))
    taker.join(30)
    assert parcels == [Notice(level="info", message="hello")]


def test_a_batch_is_small_enough_to_keep_dropping_what_waits() -> None:
    outbox = Outbox(OutboxLimits(scans=1000))
    for number in range(BATCH_PARCELS + 1):
        outbox.put_scan(scan(number))
    assert len(taken(outbox)) == BATCH_PARCELS
    for number in range(3):
        outbox.put_scan(scan(number, width=200_000))
    assert len(taken(outbox)) == 3  # one left over, then 800 kB each, up to over 1 MiB


def test_edits_weigh_what_their_units_do() -> None:
    edit = Edit(site="resid_post", layer=0, units=tuple(range(10_000)))
    assert weight(Edits(edits=(edit,), revision=1, undoable=1, redoable=0, by="x")) > 80_000


def test_the_room_for_scans_grows_with_the_sites_that_a_viewer_asked_for() -> None:
    outbox = Outbox(OutboxLimits(scans=2))
    outbox.expect(7)
    for number in range(15):
        outbox.put_scan(scan(number))
    assert outbox.dropped == 1


def test_what_was_full_when_scans_went_is_named_with_both_numbers() -> None:
    few, small = Outbox(OutboxLimits(scans=2)), Outbox(OutboxLimits(scan_bytes=100))
    for outbox in (few, small):
        for number in range(20):
            outbox.put_scan(scan(number))
    counted, weighed = few.take(), small.take()
    assert counted is not None
    assert weighed is not None
    assert counted.full == "more than 2 scans waited for this viewer"
    assert weighed.full.endswith("MiB of scans waited for this viewer, at most 0.0 may")
