"""A turn as runtimes hold it: what is asked, how it fails for want of a token, and why a reply ends."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from llmri_protocol.messages import EndReason
from llmri_server.runtime import ChatMessage, Sampling, Sink


@dataclass(frozen=True)
class TurnRequest:
    """What is asked, how it is answered, who listens, and how it is stopped."""

    conversation: Sequence[ChatMessage]
    sampling: Sampling
    sink: Sink
    stop: threading.Event

    @property
    def begins(self) -> bool:
        """Whether nothing was answered yet."""
        return not any(message["role"] == "assistant" for message in self.conversation)


class BrokenError(Exception):
    """No token could be chosen after `ids`, of which the first `prompt` were asked; None where all were."""

    def __init__(self, ids: Sequence[int], prompt: int | None) -> None:
        super().__init__(f"no token could be chosen after {len(ids)}")
        self.ids = tuple(ids)
        self.prompt = prompt


def end_reason(
    ids: Sequence[int], ends: frozenset[int], *, ended: bool = False, stopped: bool, full: bool
) -> EndReason:
    """Say why a reply ended: at an end token or text, because it was stopped, or at a limit.

    Args:
        ids: Its tokens.
        ends: The tokens that end a reply.
        ended: Whether a text ended it.
        stopped: Whether somebody stopped it.
        full: Whether the limit was the context, and not the longest reply.
    """
    if ended or (ids and ids[-1] in ends):
        return "end"
    if stopped:
        return "stopped"
    return "context" if full else "length"


class ReplyText:
    """The text of a reply, up to the first of some texts, which may come in pieces.

    Args:
        stops: What ends a reply; none of it is part of it.

    Attributes:
        text: The reply so far.
        ended: Whether one of them has come.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._stops = tuple(stops)
        self._longest = max(map(len, self._stops), default=0)
        self._pieces: list[str] = []
        self._tail = ""
        self._cut: str | None = None

    @property
    def ended(self) -> bool:
        """Whether a text has come that ends it."""
        return self._cut is not None

    @property
    def text(self) -> str:
        """The reply so far."""
        return "".join(self._pieces) if self._cut is None else self._cut

    def add(self, piece: str) -> None:
        """Take the next piece; only as much is searched as may hold the end of one."""
        self._pieces.append(piece)
        if not self._stops or self._cut is not None:
            return
        searched = self._tail + piece
        if any(stop in searched for stop in self._stops):
            whole = "".join(self._pieces)
            first = min(place for stop in self._stops if (place := whole.find(stop)) >= 0)
            self._cut = whole[:first]
        self._tail = searched[max(0, len(searched) - self._longest + 1) :] if self._longest > 1 else ""
