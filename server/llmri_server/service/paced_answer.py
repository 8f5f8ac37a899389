"""Scans and logits that answer one command, sent as fast as its client reads them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from llmri_protocol.messages import Logits, Token, WishedDtype
from llmri_server.broadcast.outbox import Outbox
from llmri_server.broadcast.shared_scans import AnswerScan, SharedScan
from llmri_server.runtime import ScanEvent, StoppedError

PATIENCE = 5.0  # seconds for which nothing of a full outbox may be read
POLL = 0.005  # seconds between two looks at a full outbox


class UnreadError(RuntimeError):
    """A client reads its answer too slowly; the message has both numbers."""


@dataclass(frozen=True)
class Room:
    """Waits until a client has read enough for the next piece, as long as that keeps nobody else waiting."""

    outbox: Outbox
    stop: threading.Event
    wanted: Callable[[Outbox], bool]

    def put(self, piece: AnswerScan | Token | Logits, size: int) -> None:
        """Send a piece.

        Raises:
            UnreadError: Too much waits to be read, and somebody else waits for the model, or nothing is read.
            StoppedError: `stop` was set.
        """
        least, since = self.outbox.unread, time.monotonic()
        while not self.outbox.put_answer(piece, size):
            now, unread = time.monotonic(), self.outbox.unread
            if unread < least:
                least, since = unread, now
            if self.wanted(self.outbox):
                self._refuse("while others wait for the model")
            if now - since > PATIENCE:
                self._refuse(f"and none was read for {PATIENCE:g} seconds")
            if self.stop.wait(POLL):
                raise StoppedError("it was stopped while its answer waited to be read")

    def _refuse(self, why: str) -> None:
        most = self.outbox.limits.answer_bytes
        raise UnreadError(
            f"{most:,} bytes of answers, the most that may, wait for this client {why}; read them, or ask "
            "for less"
        )


@dataclass
class PacedAnswer:
    """What one command is answered with, piece by piece."""

    room: Room
    command: int
    dtype: WishedDtype
    stats: bool
    revision: int | None = None
    recomputed: bool = False
    scans: int = 0

    def scan(self, turn: int, event: ScanEvent, *, first: int = 0) -> None:
        """Send a scan; `first` is the position of the turn's token 0."""
        shifted = ScanEvent(
            event.number - first, event.phase, event.site, event.layers, event.dtype, event.rows
        )
        shared = SharedScan(
            turn,
            time.time(),
            shifted,
            revision=event.revision if self.recomputed else self.revision,
            command=self.command,
            recomputed=self.recomputed,
        )
        self.room.put(AnswerScan(shared, event.layers, self.dtype, self.stats), shared.nbytes)
        self.scans += 1
