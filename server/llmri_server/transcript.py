"""The tokens of each turn, and what the model had read at each of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from llmri_server.runtime import ChatMessage, Runtime

TURNS_KEPT = 256


class UnknownPlaceError(ValueError):
    """There is no such turn or token; the message names what there is."""


@dataclass(frozen=True)
class Told:
    """A turn as it was told.

    Attributes:
        messages: What it replied to, system message and all.
        trimmed: How many of them did not fit, as in `Outcome`.
        read: How many tokens of its prompt were new.
        chosen: The reply's tokens.
    """

    messages: tuple[ChatMessage, ...]
    trimmed: int
    read: int
    chosen: tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """A token's place: all that was read up to it and with it, and which token came next, if one did.

    `turn` is None for a text, which is no turn. `prompt` counts the first positions that are prompt; None
    counts all.
    """

    turn: int | None
    token: int
    ids: tuple[int, ...]
    came: int | None
    prompt: int | None


class Transcript:
    """Remembers the latest turns; belongs to the model's thread."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._turns: dict[int, Told] = {}

    def add(self, turn: int, told: Told) -> None:
        """Keep a turn; the oldest goes where there are too many."""
        self._turns[turn] = told
        if len(self._turns) > TURNS_KEPT:
            del self._turns[min(self._turns)]

    def place(self, turn: int | None = None, token: int | None = None) -> Place | None:
        """Give the place of a turn's token, by default of the newest that was read; None before any turn.

        Raises:
            UnknownPlaceError: There is no such turn or token.
        """
        if not self._turns:
            return None
        turn = max(self._turns) if turn is None else turn
        if turn not in self._turns:
            raise UnknownPlaceError(f"turn {turn} is not kept; the newest is {max(self._turns)}")
        told = self._turns[turn]
        prompt = self._runtime.prompt_ids(read_of(told.messages, told.trimmed))
        ids = (*prompt, *told.chosen)
        first = len(prompt) - told.read
        last = told.read + len(told.chosen) - 1
        token = max(last - 1, told.read - 1) if token is None else token
        if not 0 <= token <= last:
            raise UnknownPlaceError(f"turn {turn} has no token {token}; its last is {last}")
        position = first + token
        came = ids[position + 1] if position + 1 < len(ids) else None
        return Place(turn, token, ids[: position + 1], came, min(len(prompt), position + 1))


def read_of(conversation: Sequence[ChatMessage], trimmed: int) -> list[ChatMessage]:
    """Give the messages that were read, where the oldest after the system's did not fit."""
    system = 1 if conversation[0]["role"] == "system" else 0
    return [*conversation[:system], *conversation[system + trimmed :]]
