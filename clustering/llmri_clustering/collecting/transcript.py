"""The turns that were heard from their start, and their text."""

from dataclasses import dataclass, field

from llmri_clustering.samples import TurnText

MOST_TOKENS = 1 << 20  # of a turn; a number beyond it is a fault of the sender's


@dataclass
class _Heard:
    """A turn.

    Attributes:
        group: What it is about.
        before: The turn before it, None for the first.
        tokens: Its text.
        shared: How many tokens from the start are known to be those of the turn before.
    """

    group: str
    before: int | None = None
    tokens: dict[int, str] = field(default_factory=dict)
    shared: int = 0


class Transcript:
    """Which turns have begun, which of them count, and what was said in these.

    Args:
        most: How many turns' texts are kept; the oldest go first. None keeps all.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._begun: set[int] = set()
        self._heard: dict[int, _Heard] = {}

    def begin(self, turn: int, group: str = "", *, counts: bool = True) -> None:
        """Begin a turn, which is about `group`; one that does not count is known and not kept."""
        self._begun.add(turn)
        if counts:
            self._heard[turn] = _Heard(group, next(reversed(self._heard), None))
        if self._most is not None and len(self._heard) > self._most:
            del self._heard[next(iter(self._heard))]

    def add(self, turn: int, token: int, text: str) -> None:
        """Keep a token's text; that of a turn that does not count is not kept."""
        if turn in self._heard and token < MOST_TOKENS:
            self._heard[turn].tokens[token] = text

    def begun(self, turn: int) -> bool:
        """Tell whether a turn was heard from its start."""
        return turn in self._begun

    def counts(self, turn: int) -> bool:
        """Tell whether a turn counts."""
        return turn in self._heard

    def same_before(self, turn: int, token: int) -> int | None:
        """Return the turn before, if it has the same text up to and with this token, else None.

        A causal model computes the same there again, as long as nobody edits it.
        """
        heard = self._heard.get(turn)
        before = self._heard.get(heard.before) if heard and heard.before is not None else None
        if heard is None or before is None:
            return None
        while heard.shared in heard.tokens and heard.tokens[heard.shared] == before.tokens.get(heard.shared):
            heard.shared += 1
        return heard.before if token < heard.shared else None

    def text(self, turn: int) -> TurnText:
        """Return the text of a turn so far; a token that never came is empty."""
        heard = self._heard.get(turn, _Heard(""))
        return TurnText(
            tuple(heard.tokens.get(token, "") for token in range(max(heard.tokens, default=-1) + 1)),
            heard.group,
        )
