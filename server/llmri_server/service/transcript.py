"""The tokens of each turn as the model read and chose them, and what it had read at each of them."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace

from llmri_server.pass_runs import PassRun, Runs
from llmri_server.runtime import ChatMessage

TURNS_KEPT = 256
TOKENS_KEPT = 1 << 22  # of all turns together, four bytes each
NUMBERS_KEPT = 1 << 22  # units, heads and positions of the edits that turns were computed under


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
        runs: How each of its positions was computed, and those before it; none where that is not known.
    """

    prompt: Sequence[int]
    read: int
    chosen: Sequence[int] = ()
    begins: bool = False
    lost: str | None = None
    runs: Runs = ()


@dataclass(frozen=True)
class TurnTokens:
    """Some tokens of a turn, and how they were computed.

    Attributes:
        turn: Its number.
        ids: All tokens up to the last of these.
        start: The position of the turn's token 0.
        first: The first token, by its number in the turn.
        runs: How each position was computed.
    """

    turn: int
    ids: tuple[int, ...]
    start: int
    first: int
    runs: Runs


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
        self._sizes: dict[int, int] = {}  # numbers in the edits of each revision that a turn refers to

    def add(self, turn: int, told: Told) -> None:
        """Keep a turn; the oldest go where there are too many, or too many tokens."""
        self._turns[turn] = _packed(told)
        self._tokens += _size(told)
        while len(self._turns) > 1 and (len(self._turns) > TURNS_KEPT or self._tokens > TOKENS_KEPT):
            self._tokens -= _size(self._turns.pop(min(self._turns)))
        self._bound_edits()

    def place(self, turn: int | None = None, token: int | None = None) -> TokenPosition:
        """Return the place of a turn's token, by default the newest that was read in the conversation so far.

        Raises:
            NothingReadError: None was.
            UnknownPlaceError: There is no such turn or token.
        """
        if not self._turns:
            raise NothingReadError("nothing was said yet; chat first, or give a text")
        turn = self._newest() if turn is None else turn
        told = self._told(turn)
        ids = (*told.prompt, *told.chosen)
        first = len(told.prompt) - told.read
        last = told.read + len(told.chosen) - 1
        token = max(last - 1, told.read - 1) if token is None else token
        if not 0 <= token <= last:
            raise UnknownPlaceError(f"turn {turn} has no token {token}; its last is {last}")
        position = first + token
        came = ids[position + 1] if position + 1 < len(ids) else None
        return TokenPosition(turn, token, ids[: position + 1], came, len(told.prompt))

    def span(self, turn: int, first: int | None, last: int | None) -> TurnTokens:
        """Return a turn's tokens from one to another, by default all that were computed.

        Raises:
            UnknownPlaceError: There is no such turn or token, or how it was computed is not known any more.
        """
        told = self._told(turn)
        computed = (told.runs[-1].stop if told.runs else 0) - (len(told.prompt) - told.read)
        if computed <= 0:
            raise UnknownPlaceError(f"how turn {turn} was computed is not kept any more; say it again")
        start = len(told.prompt) - told.read
        first = 0 if first is None else first
        last = computed - 1 if last is None else last
        if not 0 <= first <= last < computed:
            raise UnknownPlaceError(
                f"turn {turn} has no tokens {first} to {last} that were computed; its last is {computed - 1}"
            )
        ids = (*told.prompt, *told.chosen)[: start + last + 1]
        return TurnTokens(turn, ids, start, first, told.runs)

    def _told(self, turn: int) -> Told:
        if turn not in self._turns:
            newest = f"; the newest is {max(self._turns)}" if self._turns else ""
            raise UnknownPlaceError(f"turn {turn} is not kept{newest}")
        told = self._turns[turn]
        if not told.prompt:
            raise UnknownPlaceError(f"turn {turn} has no tokens: it {told.lost}")
        return told

    def _bound_edits(self) -> None:
        """Let the oldest turns forget how they were computed, where that keeps too many edits."""
        used = {run.revision: run for told in self._turns.values() for run in told.runs}
        self._sizes = {revision: self._sizes.get(revision) or _numbers(run) for revision, run in used.items()}
        for turn in sorted(self._turns)[:-1]:
            if sum(self._sizes.values()) <= NUMBERS_KEPT:
                return
            self._turns[turn] = replace(self._turns[turn], runs=())
            left = {run.revision for told in self._turns.values() for run in told.runs}
            self._sizes = {revision: size for revision, size in self._sizes.items() if revision in left}

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
    return replace(told, prompt=array("i", told.prompt), chosen=array("i", told.chosen))


def _size(told: Told) -> int:
    return len(told.prompt) + len(told.chosen)


def _numbers(run: PassRun) -> int:
    """Return how many numbers a run's edits hold, and what its means are over."""
    edits = sum(1 + len(edit.units) + len(edit.heads) + len(edit.direction) for edit in run.edits)
    return edits + len(run.conversation)
