"""Threads that end with a word, whatever ends them."""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class GuardedThread(threading.Thread):
    """A daemon thread: where its work raises anything at all, that is logged, and told to who depends on it.

    `BaseException` too: a panic of a library in Rust is one, and would otherwise end the thread silently.

    Args:
        name: The thread's name, for the log.
        work: What it does.
        broken: Is called in the thread with why it ended, where it ended by an error.
    """

    def __init__(self, name: str, work: Callable[[], None], broken: Callable[[str], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self._broken = broken

    def run(self) -> None:
        """Do the work."""
        try:
            self._work()
        except BaseException as error:
            log.critical("the thread %s ended by an error", self.name, exc_info=error)
            self._broken(described(error))


def described(error: BaseException) -> str:
    """Describe an error in a few words: its kind, and what it says."""
    return f"{type(error).__name__}: {error}".removesuffix(": ")
