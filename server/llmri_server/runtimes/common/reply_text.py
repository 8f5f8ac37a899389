"""A reply's text as it grows, and the texts that end it."""

from collections.abc import Sequence


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
