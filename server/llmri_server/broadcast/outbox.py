"""What waits to be sent to one viewer: bounded, and never waited for by who puts it in."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from llmri_protocol.catalogue import OVERHEAD
from llmri_protocol.messages import ServerMessage
from llmri_protocol.plain import PlainServerMessage
from llmri_server.broadcast.shared_scans import AnswerScan, SharedScan

Outgoing = ServerMessage | PlainServerMessage
OutboxItem = Outgoing | SharedScan | AnswerScan

NOTICE_INTERVAL = 1.0  # seconds between two tellings of how many scans were dropped
BATCH_PARCELS = 64
BATCH_BYTES = 1 << 20  # what is taken out can't be dropped any more, so not too much at a time


@dataclass(frozen=True)
class OutboxLimits:
    """When a viewer loses its oldest scans, and when it loses its connection.

    `scans` are of each site that the viewer asked for, so that a prompt over several sites has room.
    `answer_bytes` are of what answers its commands, which is never dropped.
    """

    scans: int = 512
    scan_bytes: int = 256 << 20
    messages: int = 100_000
    message_bytes: int = 64 << 20
    answer_bytes: int = 512 << 20


@dataclass(frozen=True)
class OutboxBatch:
    """What to send next, in order.

    `dropped` is the count of scans this viewer has lost so far where it is time to tell it, else 0; `full`
    says what was full when the latest of them went.
    """

    parcels: list[OutboxItem]
    dropped: int
    full: str = ""


class Outbox:
    """A queue for one sender thread; any thread puts into it.

    A full box drops its oldest scans and counts them. Messages are never dropped: a viewer that leaves
    more of them unread than the limits allow is `overflowing`, and its connection must end.

    Attributes:
        on_overflow: Ends the connection, without waiting, because its sender may wait for a peer that reads
            nothing.
    """

    def __init__(self, limits: OutboxLimits) -> None:
        self.limits = limits
        self.dropped = 0
        self._sites = 1
        self._full = ""
        self.overflowing = False
        self.on_overflow: Callable[[], None] = _nothing
        self._ready = threading.Condition(threading.Lock())
        self._scans: deque[tuple[int, SharedScan]] = deque()
        # With their order, and the bytes of what is a part of an answer.
        self._messages: deque[tuple[int, Outgoing | AnswerScan, int]] = deque()
        self._scan_bytes = 0
        self._message_bytes = 0
        self._answer_bytes = 0
        self._count = 0  # parcels put in so far: the order between the two queues
        self._told = 0
        self._told_at = -NOTICE_INTERVAL
        self._sleeping = False
        self._closed = False

    @property
    def finished(self) -> bool:
        """Whether it takes no more."""
        return self._closed

    @property
    def unread(self) -> int:
        """How many bytes of answers wait to be sent."""
        return self._answer_bytes

    def put(self, message: Outgoing) -> None:
        """Queue a message that must arrive; after `finish` nothing is taken any more."""
        size = weight(message)
        with self._ready:
            if self._closed or self.overflowing:
                return
            self._messages.append((self._count, message, 0))
            self._count += 1
            self._message_bytes += size
            if len(self._messages) > self.limits.messages or self._message_bytes > self.limits.message_bytes:
                self._overflow()
            self._wake()

    def put_answer(self, message: Outgoing | AnswerScan, size: int) -> bool:
        """Queue a part of a command's answer, of so many bytes; is there room for it?

        What is queued is never dropped: it waits for the viewer to read, while the model goes on.
        """
        with self._ready:
            if self._closed or self.overflowing:
                return True  # there is nobody to tell
            if self._answer_bytes and self._answer_bytes + size > self.limits.answer_bytes:
                return False
            self._messages.append((self._count, message, size))
            self._count += 1
            self._answer_bytes += size
            self._wake()
            return True

    def put_scan(self, scan: SharedScan) -> None:
        """Queue a scan, at the cost of the oldest ones where the box is full."""
        with self._ready:
            if self._closed or self.overflowing:
                return
            self._scans.append((self._count, scan))
            self._count += 1
            self._scan_bytes += scan.nbytes
            while full := self._what_is_full():
                self._full = full
                self._drop_oldest()
            self._wake()

    def expect(self, sites: int) -> None:
        """Have room for the scans of so many sites."""
        with self._ready:
            self._sites = max(1, sites)

    def clear(self) -> None:
        """Throw away what waits."""
        with self._ready:
            self._forget()

    def finish(self, *last: Outgoing) -> None:
        """Queue the last messages, let the waiting scans go, and take no more."""
        with self._ready:
            if self._closed:
                return
            self._closed = True
            self._scans.clear()
            self._messages.extend((self._count, message, 0) for message in last)
            self._ready.notify()

    def take(self) -> OutboxBatch | None:
        """Wait for something to send; None once the box is finished and empty, or overflowing."""
        with self._ready:
            while True:
                if self.overflowing:
                    return None
                dropped = self._dropped_to_tell()
                if dropped or self._scans or self._messages:
                    return OutboxBatch(self._next_parcels(), dropped, self._full)
                if self._closed:
                    return None
                self._sleeping = True
                self._ready.wait(NOTICE_INTERVAL if self.dropped > self._told else None)
                self._sleeping = False

    def _wake(self) -> None:
        if self._sleeping:
            self._sleeping = False
            self._ready.notify()

    def _what_is_full(self) -> str:
        """Say which limit the waiting scans are over, with both numbers; empty where none is."""
        most = self.limits.scans * self._sites
        if len(self._scans) > most:
            return f"more than {most} scans waited for this viewer"
        if self._scan_bytes > self.limits.scan_bytes and len(self._scans) > 1:
            waiting, limit = (size / (1 << 20) for size in (self._scan_bytes, self.limits.scan_bytes))
            return f"{waiting:.1f} MiB of scans waited for this viewer, at most {limit:.1f} may"
        return ""

    def _drop_oldest(self) -> None:
        _, scan = self._scans.popleft()
        self._scan_bytes -= scan.nbytes
        self.dropped += 1

    def _overflow(self) -> None:
        self.overflowing = True
        self._forget()
        self.on_overflow()

    def _forget(self) -> None:
        self._scans.clear()
        self._messages.clear()
        self._scan_bytes = self._message_bytes = self._answer_bytes = 0

    def _dropped_to_tell(self) -> int:
        now = time.monotonic()
        if self.dropped == self._told or now - self._told_at < NOTICE_INTERVAL:
            return 0
        self._told, self._told_at = self.dropped, now
        return self.dropped

    def _next_parcels(self) -> list[OutboxItem]:
        """Merge the two queues in the order in which they were filled."""
        parcels: list[OutboxItem] = []
        size = 0
        scans, messages = self._scans, self._messages
        while (scans or messages) and len(parcels) < BATCH_PARCELS and size < BATCH_BYTES:
            if scans and not (messages and messages[0][0] < scans[0][0]):
                _, scan = scans.popleft()
                self._scan_bytes -= scan.nbytes
                size += scan.nbytes
                parcels.append(scan)
            else:
                _, message, answer = messages.popleft()
                if answer:
                    self._answer_bytes -= answer
                    size += answer
                elif not isinstance(message, AnswerScan):
                    self._message_bytes -= weight(message)
                parcels.append(message)
        return parcels


def _nothing() -> None:
    pass


def weight(message: Outgoing) -> int:
    """Estimate the memory a queued message holds, in bytes; its class knows."""
    return OVERHEAD + message.entry.weight(message)
