"""The process that renders chat templates: started when it is first needed, ended when it takes too long."""

import json
import queue
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import IO, cast

from llmri_server.network.threads import GuardedThread
from llmri_server.runtime import PromptError, StoppedError

SECONDS = 5.0  # for one text; templates take milliseconds
START_SECONDS = 60.0  # for the process to come up on a busy machine
GLANCE_SECONDS = 0.05  # how often a wait looks whether it was stopped
CHILD = Path(__file__).with_name("child.py")
SENTENCES = {
    "unreadable": "the chat template cannot be read: {}",
    "refused": "the chat template refuses the conversation: {}",
    "failed": "the chat template failed: {}",
    "memory": "the chat template was ended because it takes too much memory",
    "long": "the chat template writes too much: {}",
    "time": "the chat template was ended because it took longer than {} seconds",
    "ended": "the chat template ended the process that renders it",
}
ENDS = frozenset({"memory", "time", "ended"})  # the process with it
FINAL = ENDS | {"unreadable", "long"}  # another conversation would fare no better


class Renderer:
    """Renders templates, one at a time; any thread may ask.

    Args:
        seconds: How long one text may take.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._child: _Child | None = None

    def render(
        self, source: str, variables: Mapping[str, object], stop: threading.Event | None = None
    ) -> str:
        """Return the text that a template makes of the variables, which are JSON.

        Raises:
            PromptError: It makes none, whatever the reason; the message is one sentence.
            StoppedError: `stop` was set.
        """
        order = json.dumps({"template": source, "variables": variables}).encode() + b"\n"
        with self._lock:
            if self._child is None or not self._child.alive:
                self._child = _Child()
            answer = self._answer(self._child, order, stop)
        if (fault := answer.get("fault")) is not None:
            raise PromptError(SENTENCES[fault].format(answer["message"]), final=fault in FINAL)
        return answer["text"]

    def _answer(self, child: "_Child", order: bytes, stop: threading.Event | None) -> Mapping[str, str]:
        """Return the child's answer; a child that has none to give, or gave its last, is ended."""
        answer: Mapping[str, str] = {"fault": "ended", "message": ""}
        try:
            line = child.ask(order, self._seconds, stop)
            if line:
                answer = json.loads(line)
        except TimeoutError:
            answer = {"fault": "time", "message": f"{self._seconds:g}"}
        finally:
            if answer.get("fault") in ENDS:
                child.end()
                self._child = None
        return answer


class _Child:
    """The process, and a thread that hears it.

    Raises:
        PromptError: It cannot be started.
    """

    def __init__(self) -> None:
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", str(CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in the terminal is the server's alone
            )
        except OSError as error:
            raise PromptError(
                f"the process that renders chat templates cannot be started: {error}", final=True
            ) from None
        self._process = process
        self._orders = cast("IO[bytes]", process.stdin)
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        lines = self._lines
        hear = partial(_hear, cast("IO[bytes]", process.stdout), lines)
        GuardedThread("llmri-templates", hear, lambda _why: lines.put(b"")).start()
        self.end = weakref.finalize(self, _end, process)
        self._ready = False

    @property
    def alive(self) -> bool:
        """Whether it has not ended, as when the system had no memory for it."""
        return self._process.poll() is None

    def ask(self, order: bytes, seconds: float, stop: threading.Event | None) -> bytes:
        """Return the answer to an order, empty where the process ended.

        Raises:
            TimeoutError: It took longer than so many seconds.
            StoppedError: `stop` was set.
        """
        if not self._ready:
            self._ready = bool(self._next(START_SECONDS, stop))
        try:
            self._orders.write(order)
            self._orders.flush()
        except OSError:
            return b""
        return self._next(seconds, stop)

    def _next(self, seconds: float, stop: threading.Event | None) -> bytes:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if stop is not None and stop.is_set():
                raise StoppedError("the prompt was stopped while it was being written")
            try:
                return self._lines.get(timeout=min(left, GLANCE_SECONDS))
            except queue.Empty:
                continue
        raise TimeoutError


def _hear(answers: IO[bytes], lines: "queue.SimpleQueue[bytes]") -> None:
    for line in answers:
        lines.put(line)
    lines.put(b"")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


@cache
def renderer() -> Renderer:
    """Return the renderer that this program's models share."""
    return Renderer()
