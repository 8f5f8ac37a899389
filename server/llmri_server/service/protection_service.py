"""The search for protected units, done between turns and told to everybody."""

import logging
import threading
import time
from collections.abc import Callable

from llmri_protocol.messages import Notice, ProtectedUnit
from llmri_protocol.protection import BROKEN_OFF, SEARCHING
from llmri_server.broadcast.hub import Hub
from llmri_server.protection import Examination, each_once
from llmri_server.protection.starting import Search
from llmri_server.runtime import NonFiniteError, Runtime, UnsupportedError
from llmri_server.service.edit_service import EditService

logger = logging.getLogger(__name__)

TELL_EVERY = 10.0  # seconds between two lines of progress


class ProtectionService:
    """Looks for protected units while nobody wants the model; `more` and `run` belong to the model's thread.

    Args:
        runtime: The model.
        search: The search that is left to make.
        edits: Refuses what is found.
        hub: Who is told.
        log: Writes a line to whoever runs the server.
    """

    def __init__(
        self,
        runtime: Runtime,
        search: Search,
        edits: EditService,
        hub: Hub,
        *,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._runtime = runtime
        self._search = search
        self._examination = search.examination
        self._edits = edits
        self._hub = hub
        self._log = log
        self._stop = threading.Event()
        self._seconds = 0.0  # of the passes
        self._told = 0.0  # when progress was last told
        if search.examination is not None:
            edits.doubt(self.in_words)

    @property
    def more(self) -> bool:
        """Whether there is something left to do."""
        return self._examination is not None

    def run(self) -> None:
        """Run one forward pass, or end the search; never raises."""
        examination = self._examination
        if examination is None:
            return
        try:
            if self._stop.is_set():
                self._break_off("was stopped")
                return
            began = time.perf_counter()
            going_on = examination.advance()
            self._seconds += time.perf_counter() - began
            if going_on:
                self._tell_progress(examination)
            else:
                self._end(examination)
        except (NonFiniteError, UnsupportedError) as error:
            self._break_off(f"ended, {error},")
        except Exception as error:
            logger.exception("the search for protected units failed")
            first = next(iter(str(error).splitlines()), "")
            self._break_off(f"failed, {type(error).__name__}: {first},")

    def stop(self) -> bool:
        """Have the search end after the pass that is running; give whether there was one."""
        self._stop.set()
        return self._examination is not None

    def in_words(self) -> str:
        """Say how far the search is; empty where it is over."""
        examination = self._examination
        if examination is None:
            return ""
        done, total = examination.done, examination.total
        passes = f"{done} of {total} passes of {len(examination.ids)} tokens done"
        return f"{SEARCHING}: {passes}{self._left(done, total)}"

    def _left(self, done: int, total: int) -> str:
        if not done:
            return ", between turns"
        return (
            f", about {self._seconds / done * (total - done):.0f} s of the model's time left, between turns"
        )

    def _tell_progress(self, examination: Examination) -> None:
        now = time.monotonic()
        if examination.done == 1:
            self._hub.tell(Notice(level="info", message=self.in_words()))
        elif now - self._told < TELL_EVERY:
            return
        self._told = now
        self._log(self.in_words())

    def _end(self, examination: Examination) -> None:
        """Protect what a whole search found, and keep it for the next start."""
        found = examination.found()
        self._protect(found)
        self._examination = None
        problem = self._search.remember(found)
        if problem:
            self._log(problem)
            self._hub.tell(Notice(level="warning", message=problem))

    def _break_off(self, how: str) -> None:
        """Protect what was found so far, and say that this is not all."""
        examination = self._examination
        if examination is None:
            return
        passes = f"{examination.done} of {examination.total} passes"
        sentence = (
            f"{BROKEN_OFF} {how} after {passes}: ablations of units beyond what is known are not checked"
        )
        found = examination.found()
        if found:
            self._protect(found)
        self._edits.doubt(lambda: sentence)
        self._examination = None
        self._log(sentence)
        self._hub.tell(Notice(level="warning", message=sentence))

    def _protect(self, found: tuple[ProtectedUnit, ...]) -> None:
        card = self._runtime.card
        for sentence in self._edits.protect(each_once((*card.protected, *found), card)):
            self._log(sentence)
