"""The messages of the present conversation: what was said, what is left out, and what a client gives anew."""

from collections.abc import Sequence

from llmri_server.runtime import ChatMessage, TurnOutcome


class History:
    """What was said so far.

    Args:
        system: The server's system message in front of every conversation, if any.
    """

    def __init__(self, system: str | None) -> None:
        self._own: list[ChatMessage] = [ChatMessage(role="system", content=system)] if system else []
        self._system = self._own
        self._said: list[ChatMessage] = []
        self._left_out = 0  # messages at the beginning of it that stay left out

    @property
    def left_out(self) -> int:
        """How many messages at the beginning are left out of every further turn."""
        return self._left_out

    @property
    def begins(self) -> bool:
        """Whether nothing was said yet."""
        return not self._said

    @property
    def kept(self) -> list[ChatMessage]:
        """The messages that the next turn reads, without the system's."""
        return self._said[self._left_out :]

    def forget(self) -> None:
        """Begin anew, under the server's system message."""
        self._system, self._said, self._left_out = self._own, [], 0

    def become(self, messages: Sequence[ChatMessage]) -> bool:
        """Let these be what was said; is it the conversation that is going on?

        One that goes on leaves out what was left out before, so that a turn costs the same however long the
        conversation has become. Without a system message the server's stays in front.
        """
        given = [message for message in messages[:1] if message["role"] == "system"]
        system, said = given or self._own, list(messages[len(given) :])
        if said == self._said and system == self._system:
            return True
        self._system, self._said, self._left_out = system, said, 0
        return False

    def before(self, asked: ChatMessage, *, alone: bool = False) -> list[ChatMessage]:
        """Return all that a reply to a message is a reply to; `alone` without what was said before."""
        return [*self._system, *([] if alone else self.kept), asked]

    def again(self, asked: ChatMessage) -> list[ChatMessage]:
        """Return a message with nothing but the system's in front."""
        return [*self._system, asked]

    def remember(self, asked: ChatMessage, outcome: TurnOutcome) -> None:
        """Keep a turn for the next ones, unless it failed or ended before it said anything.

        A prompt that leaves no room for a reply would push everything older out of the next turns. What was
        left out of a turn that is kept stays left out of all later ones.
        """
        if outcome.reason == "error" or (outcome.reason in ("stopped", "context") and not outcome.text):
            return
        self._left_out += outcome.trimmed
        self._said += [asked, ChatMessage(role="assistant", content=outcome.text)]
