"""What waits between the link's thread and the window's: events in order, and when each arrived."""

import queue
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Inbox(queue.Queue[T]):
    """A queue from one thread to another; when it is full, putting waits.

    Attributes:
        arrived: When the event that was taken last was handed over, in seconds since 1970.
        wake: Called after each put, on the putting thread, so that a sleeping window looks.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self.arrived = 0.0
        self.wake: Callable[[], object] = _nothing

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Put an event in, and wake the window."""
        super().put(item, block, timeout)
        self.wake()

    def _put(self, item: T) -> None:
        self.queue.append((time.time(), item))

    def _get(self) -> T:
        item: T
        self.arrived, item = self.queue.popleft()
        return item


def _nothing() -> None:
    pass
