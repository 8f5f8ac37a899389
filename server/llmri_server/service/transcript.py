"""The tokens of each turn as the model read and chose them, and what it had read at each of them."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from llmri_server.runtime import ChatMessage

TURNS_KEPT = 256
TOKENS_KEPT = 1 << 22  # of all turns together, four bytes each


class UnknownPlaceError(ValueError):
    """There is no such turn or token; the message names what there is."""


class NothingReadError(RuntimeError):
    """Of the present conversation nothing was read that is kept; the message says why."""


@dataclass(frozen=True)
class Told:
    """A turn as it was told.

    Attributes:
        prompt: All tokens of its prompt as they were read, those of earlier turns too; none where none was.
        read: How many of them were new: the turn's tokens are counted from the first of those.
        chosen: The reply's tokens.
        begins: Whether it began a conversation.
        lost: Why the conversation goes on without it, such as `failed`; None where it is a part of it.
    """

    prompt: Sequence[int]
    read: int
    chosen: Sequence[int] = ()
    begins: bool = False
    lost: str | None = None


@dataclass(frozen=True)
class TokenPosition:
    """A token's place: all that was read up to it and with it, and which token came next, if one did.

    `turn` is None for a text, which is no turn. `prompt` is the length of the turn's prompt, which may end
    behind the place; None says that all is prompt.
    """

    turn: int | None
    token: int
    ids: tuple[int, ...]
    came: int | None
    prompt: int | None


class Transcript:
    """Remembers the latest turns; belongs to the model's thread."""

    def __init__(self) -> None:
        self._turns: dict[int, Told] = {}
        self._tokens = 0

    def add(self, turn: int, told: Told) -> None:
        """Keep a turn; the oldest go where there are too many, or too many tokens."""
        self._turns[turn] = _packed(told)
        self._tokens += _size(told)
        while len(self._turns) > 1 and (len(self._turns) > TURNS_KEPT or self._tokens > TOKENS_KEPT):
            self._tokens -= _size(self._turns.pop(min(self._turns)))

    def place(self, turn: int | None = None, token: int | None = None) -> TokenPosition:
        """Return the place of a turn's token, by default the newest that was read in the conversation so far.

        Raises:
            NothingReadError: None was.
            UnknownPlaceError: There is no such turn or token.
        """
        if not self._turns:
            raise NothingReadError("nothing was said yet; chat first, or give a text")
        turn = self._newest() if turn is None else turn
        if turn not in self._turns:
            raise UnknownPlaceError(f"turn {turn} is not kept; the newest is {max(self._turns)}")
        told = self._turns[turn]
        if not told.prompt:
            raise UnknownPlaceError(f"turn {turn} has no tokens: it {told.lost}")
        ids = (*told.prompt, *told.chosen)
        first = len(told.prompt) - told.read
        last = told.read + len(told.chosen) - 1
        token = max(last - 1, told.read - 1) if token is None else token
        if not 0 <= token <= last:
            raise UnknownPlaceError(f"turn {turn} has no token {token}; its last is {last}")
        position = first + token
        came = ids[position + 1] if position + 1 < len(ids) else None
        return TokenPosition(turn, token, ids[: position + 1], came, len(told.prompt))

    def _newest(self) -> int:
        """Return the latest turn that is a part of the present conversation."""
        for turn in sorted(self._turns, reverse=True):
            told = self._turns[turn]
            if told.lost is None:
                return turn
            if told.begins:
                break
        newest = max(self._turns)
        raise NothingReadError(
            f"nothing of this conversation is kept: turn {newest} {self._turns[newest].lost}; "
            "chat again, or give a text"
        )


def read_of(conversation: Sequence[ChatMessage], trimmed: int) -> list[ChatMessage]:
    """Return the messages that were read, where the oldest after the system's did not fit."""
    system = 1 if conversation and conversation[0]["role"] == "system" else 0
    return [*conversation[:system], *conversation[system + trimmed :]]


def _packed(told: Told) -> Told:
    """Return the same turn in little memory: a long conversation is kept once a turn."""
    return Told(array("i", told.prompt), told.read, array("i", told.chosen), told.begins, told.lost)


def _size(told: Told) -> int:
    return len(told.prompt) + len(told.chosen)
