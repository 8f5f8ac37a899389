"""A command whose answer takes the model, and comes when the work is done."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from llmri_protocol.messages import Error, Progress, Reply, ServerMessage
from llmri_server.broadcast.outbox import Outbox
from llmri_server.measuring import Progress as Tell
from llmri_server.runtime import StoppedError

Work = Callable[[Tell, threading.Event], ServerMessage | None]


@dataclass(eq=False)
class ClientTask:
    """Work for one client, which alone hears of it.

    `stop` may be set at any time. Exactly one of `run` and `fail` is called, once.

    Args:
        outbox: The client's.
        command: The id of the command that it answers.
        work: What is done on the model's thread; gives the message that goes before the `reply`, if any.
        refuse: Words a failure for the client.
    """

    outbox: Outbox
    command: int
    work: Work
    refuse: Callable[[BaseException, int | None], Error]
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Do the work and answer the command; never raises."""
        try:
            if self.stop.is_set():
                raise StoppedError("the measurement was stopped before it began")
            result = self.work(self._tell, self.stop)
        except BaseException as error:  # a panic of a tokenizer is none of `Exception`
            self.fail(error)
            return
        if result is not None:
            self.outbox.put(result)
        self.outbox.put(Reply(id=self.command, time=time.time()))

    def fail(self, error: BaseException) -> None:
        """Answer the command with what went wrong."""
        self.outbox.put(self.refuse(error, self.command))

    def _tell(self, done: int, total: int, what: str) -> None:
        self.outbox.put(Progress(id=self.command, done=done, total=total, what=what))
