"""How far a measurement has come, and whether it shall go on."""

import threading
from collections.abc import Callable

from llmri_server.runtime import StoppedError

Progress = Callable[[int, int, str], None]  # steps done, steps in all, what is being done


class Steps:
    """Counts the steps of one measurement, which looks here between them.

    Args:
        total: How many there will be.
        progress: Is told of each.
        stop: Ends the measurement before its next step.
    """

    def __init__(self, total: int, progress: Progress, stop: threading.Event) -> None:
        self.stop = stop
        self._total = total
        self._progress = progress
        self._done = 0
        self._what = ""

    def begin(self, what: str) -> None:
        """Say what is done next.

        Raises:
            StoppedError: It shall not be.
        """
        self.check()
        self._what = what
        self.reach(self._done)

    def end(self, steps: int = 1) -> None:
        """Count steps that are done."""
        self.reach(self._done + steps)

    def reach(self, done: int) -> None:
        """Let so many steps be done, some of which may not have been needed."""
        self._done = done
        self._progress(done, self._total, self._what)

    def check(self) -> None:
        """Look whether it shall go on.

        Raises:
            StoppedError: It shall not.
        """
        if self.stop.is_set():
            raise StoppedError("the measurement was stopped before it had a result")
