"""How far the loading of a model is, told while it goes on."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TextIO

from llmri_protocol.printable import printable
from llmri_server.network.threads import GuardedThread

ON_TERMINAL, IN_PIPE = 0.25, 5.0  # seconds between two lines: rewritten there, one after the other here
CLEAR = "\r\x1b[K"


class Loading:
    """What is being loaded, and since when; any thread may ask."""

    def __init__(self, what: str) -> None:
        self._what = printable(what)
        self._stage = ""
        self._share: float | None = None
        self._began = time.monotonic()

    def tell(self, stage: str, share: float | None = None) -> None:
        """Learn what is done now, and what share of it is done."""
        self._stage, self._share = stage, share

    def in_words(self) -> str:
        """Say what is loaded, what is done now, and for how long already."""
        share = "" if self._share is None else f" {self._share:.0%}"
        stage = f": {self._stage}{share}" if self._stage else ""
        return f"loading {self._what}{stage}, {time.monotonic() - self._began:.0f} s"


_now: ContextVar[Loading | None] = ContextVar("loading", default=None)


def tell(stage: str, share: float | None = None) -> None:
    """Tell whoever loads a model what is done now, and what share of it is done."""
    loading = _now.get()
    if loading is not None:
        loading.tell(stage, share)


@contextmanager
def told(what: str, stream: TextIO | None = None) -> Iterator[None]:
    """Write how far it is while the context lasts: on a terminal in one line, else a line now and then."""
    stream = stream or sys.stderr
    loading, done = Loading(what), threading.Event()
    known = _now.set(loading)
    writer = GuardedThread("llmri-loading", partial(_write, loading, stream, done), lambda _why: None)
    writer.start()
    try:
        yield
    finally:
        _now.reset(known)
        done.set()
        writer.join()


def _write(loading: Loading, stream: TextIO, done: threading.Event) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody reads it
        rewritten = stream.isatty()
        while True:
            stream.write(f"{CLEAR}{loading.in_words()}" if rewritten else f"{loading.in_words()}\n")
            stream.flush()
            if done.wait(ON_TERMINAL if rewritten else IN_PIPE):
                break
        if rewritten:
            stream.write(CLEAR)
            stream.flush()
