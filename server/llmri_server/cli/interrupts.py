"""What Ctrl-C, a hang-up and the request to terminate do while the server loads, runs and ends.

A handler runs between two instructions of the main thread, which may hold any lock just then: it takes none,
and only writes attributes. It raises nothing either, but where the main thread said that it is `heard`: an
exception out of nowhere could leave a lock taken for ever.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Literal

HANG_UP = getattr(signal, "SIGHUP", None)  # not every system has it
POLL = 0.1  # seconds

Stage = Literal["loading", "serving", "ending"]


class Ended(BaseException):
    """The process was asked to terminate; raised in the main thread."""


class Interrupts:
    """What signals ask for, by the stage that the program is in.

    While it is `loading`, nothing worth saving is there yet, and a signal ends the process at once. While it
    is `serving` they are noted. Once it is `ending` they are ignored, because the end is short.

    Attributes:
        stage: What the program is doing; the main thread moves it on.
    """

    def __init__(self, stage: Stage = "loading") -> None:
        self.stage: Stage = stage
        self._interrupted = False
        self._terminated = False
        self._listening = False

    @property
    def ended(self) -> bool:
        """Whether anything asked for the end."""
        return self._interrupted or self._terminated

    def end(self) -> None:
        """Ask for the end, from any thread; what the main thread waits for in `heard` is broken off."""
        self._terminated = True
        if main := threading.main_thread().ident:
            signal.pthread_kill(main, signal.SIGTERM)

    def wait(self, over: Callable[[], bool]) -> None:
        """Wait in the main thread until the end is asked for, or something is over."""
        while not (self.ended or over()):
            time.sleep(POLL)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Raise what comes, and what came before, in the main thread, which holds no lock here.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
            Ended: The process was asked to terminate.
        """
        self._listening = True
        try:
            self._speak_up()
            yield
        finally:
            self._listening = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Be what signals do, until the end of the `with`. A hang-up that is ignored (`nohup`) stays so."""
        numbers = [signal.SIGINT, signal.SIGTERM]
        if HANG_UP is not None and signal.getsignal(HANG_UP) is not signal.SIG_IGN:
            numbers.append(HANG_UP)
        before = [(number, signal.signal(number, self._note)) for number in numbers]
        try:
            yield
        finally:
            for number, previous in before:
                signal.signal(number, previous)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        """Note a signal: this is the handler."""
        if self.stage == "ending":
            return
        if self.stage == "loading":
            os._exit(128 + number)
        if number == signal.SIGINT:
            self._interrupted = True
        else:
            self._terminated = True
        if self._listening:
            self._speak_up()

    def _speak_up(self) -> None:
        """Raise what was noted; the main thread is heard no more from then on."""
        if self._terminated:
            self._listening = False
            raise Ended
        if self._interrupted:
            self._interrupted = self._listening = False
            raise KeyboardInterrupt


@contextmanager
def noted() -> Iterator[Interrupts]:
    """Only note signals: for a program that looks at `ended` now and then."""
    interrupts = Interrupts("serving")
    with interrupts.installed():
        yield interrupts
