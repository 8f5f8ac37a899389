"""One turn: what was asked, how it is stopped, and what came of it."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from llmri_server.runtime import ChatMessage, Sampling, TurnOutcome


@dataclass(eq=False)
class PendingTurn:
    """A prompt on its way to a reply.

    `messages`, where there are some, become the conversation, and `text` is the last one's; `sampling`
    replaces the server's; `client` says it. `stop` may be set at any time, before it starts too. `outcome`
    and `failure` hold nothing until `done` is set; then one of them does.
    """

    number: int
    text: str
    new: bool = False
    messages: tuple[ChatMessage, ...] | None = None
    sampling: Sampling | None = None
    client: str = ""
    stop: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    outcome: TurnOutcome | None = None
    failure: str | None = None
    _pieces: "queue.SimpleQueue[str | None]" = field(default_factory=queue.SimpleQueue)
    _shown: str = ""
    _waiting: str = ""

    def add_piece(self, text: str) -> None:
        """Take the text of a generated token; never waits."""
        self._pieces.put(text)

    def finish(self, outcome: TurnOutcome | None, failure: str | None = None) -> None:
        """End the turn with what came of it."""
        self.outcome, self.failure = outcome, failure
        self.done.set()
        self._pieces.put(None)

    def pieces(self) -> Iterator[str]:
        """Yield the reply bit by bit while it is generated, for one reader, who may break off and go on.

        The bits together are the outcome's text: each waits for the next, because the last token is
        often an end-of-turn mark, which is no part of the reply.
        """
        while (piece := self._pieces.get()) is not None:
            ready, self._waiting = self._waiting, piece
            self._shown += ready
            if ready:
                yield ready
        self._pieces.put(None)  # for a reader who comes back
        text = self.outcome.text if self.outcome else self._shown
        rest = text[len(self._shown) :] if text.startswith(self._shown) else ""
        self._shown += rest
        if rest:
            yield rest

    def reply(self, timeout: float | None = None) -> str:
        """Wait for the whole reply.

        Raises:
            TimeoutError: It is not there after `timeout` seconds.
            RuntimeError: The engine failed; the message says how.
        """
        if not self.done.wait(timeout):
            raise TimeoutError(f"turn {self.number} has no reply after {timeout} seconds")
        if self.outcome is None:
            raise RuntimeError(self.failure)
        return self.outcome.text
