"""What Ctrl-C and the request to terminate do while the server loads, runs and ends."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
POLL = 0.1  # seconds

Handler = Callable[[int, FrameType | None], None]


class Ended(BaseException):
    """The process was asked to terminate; raised in the main thread."""


@contextmanager
def ends_quietly() -> Iterator[None]:
    """End the process at once on a signal, while nothing worth saving is there yet."""
    with _handling(_exit):
        yield


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `KeyboardInterrupt` on Ctrl-C and `Ended` on SIGTERM, in the main thread."""
    with _handling(_raise):
        yield


@contextmanager
def noted(ended: threading.Event) -> Iterator[None]:
    """Set an event on either signal; `wait_for` waits for it."""
    with _handling(lambda _number, _frame: ended.set()):
        yield


def wait_for(ended: threading.Event) -> None:
    """Wait in the main thread, so that signals are seen.

    It looks up now and then: a signal that comes just before Python begins to wait does not end the wait.
    """
    while not ended.wait(POLL):
        pass


def ignore_more() -> None:
    """Ignore both signals from now on: the end has begun, and is short."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def _handling(handler: Handler) -> Iterator[None]:
    before = [(number, signal.signal(number, handler)) for number in SIGNALS]
    try:
        yield
    finally:
        for number, previous in before:
            signal.signal(number, previous)


def _exit(number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(128 + number)


def _raise(number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt if number == signal.SIGINT else Ended
