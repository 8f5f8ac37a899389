"""Which edits a pass was computed under: by the number that came with it, else by the order of the news.

A server numbers its sets of edits; where a scan or a token names one, that is it. Where it names none the
order tells: a change is in force from the next pass on, and told then. What arrives before was computed under
the edits before, what the pass under way makes under either, and all that comes later under the new ones.
"""

from weakref import WeakValueDictionary

from llmri_viewer.model.history.under import UNKNOWN, Edits, Revision, Under

KEPT = 1024  # sets of edits; of older ones is kept only that they were
NUMBERS_KEPT = 1_000_000  # that all of them are made of: each takes about 36 bytes


class Revisions:
    """The sets of edits that the kept passes were computed under, and which of them a pass now is under.

    A set is kept as long as a pass of it is, up to 1,024 sets and a million numbers.
    """

    def __init__(self) -> None:
        self._table: WeakValueDictionary[int, Revision] = WeakValueDictionary()
        self._known: WeakValueDictionary[tuple[Edits, str, bool], Revision] = WeakValueDictionary()
        self._by_server: WeakValueDictionary[int, Revision] = WeakValueDictionary()  # by the server's number
        self._server_number: int | None = None  # of what stands
        self._numbers = 0
        self._now = UNKNOWN
        self._running = False
        self._joined = False  # so lately that a turn told as begun may have been under way before
        self._flight = Under(UNKNOWN)

    def __len__(self) -> int:
        return len(self._table)

    @property
    def now(self) -> Revision:
        """What stands."""
        return self._now

    @property
    def flight(self) -> Under:
        """What the pass under way, or the next one, is computed under."""
        return self._flight

    def welcomed(
        self, edits: Edits, name: str = "", *, stale: bool = False, number: int | None = None
    ) -> Revision:
        """Take what stands as a connection begins, with the server's number where it told one."""
        self._stands(self._revision(edits, name, stale=stale), number)
        self._running, self._joined = False, True
        self._flight = Under(self._now)
        return self._now

    def told(
        self, edits: Edits, name: str = "", *, stale: bool = False, number: int | None = None
    ) -> Revision:
        """Take what stands from now on; a pass under way may have begun before."""
        self._stands(self._revision(edits, name, stale=stale), number)
        before = [each for each in self._flight.revisions if not each.same(self._now)]
        self._flight = Under(*before, self._now) if self._running else Under(self._now)
        self._joined = self._joined and self._running
        return self._now

    def lost(self) -> None:
        """Take news of a change that cannot be understood: what stands from now on is not known."""
        before = [each for each in self._flight.revisions if each is not UNKNOWN]
        self._stands(UNKNOWN, None)
        self._flight = Under(*before, UNKNOWN) if self._running else Under(UNKNOWN)

    def begin(self, *, new: bool) -> None:
        """Take the start of a turn; the first of a new conversation is read without anything from before.

        The first that a connection tells of may have begun long ago: of a pass under way nothing is known.
        """
        self._running = True
        if self._joined:
            self._flight = Under(UNKNOWN, self._now)
            return
        if new and self._now.stale and self._now.edits is not None:
            fresh = self._revision(self._now.edits, self._now.name, stale=False)
            self._stands(fresh, self._server_number)
        self._settle()

    def reading(self) -> None:
        """Take a token of a prompt: it is told before the pass that reads it begins."""
        self._running = True
        self._settle()

    def passing(self, token: int, number: int | None = None) -> Under:
        """Take something that the pass under way computed at a token; return what it is computed under.

        The server's number for it wins, where it came with one; one that is not kept is not known.
        """
        self._running = True
        if self._joined and token == 0:  # nothing of the turn was missed
            self._settle()
        return self._flight if number is None else Under(self._by_server.get(number, UNKNOWN))

    def chosen(self, token: int, number: int | None = None) -> Under:
        """Take the token that ends the pass over a token; return what that was computed under."""
        over = self.passing(token, number)
        self._settle()
        return over

    def end(self) -> None:
        """Take the end of a turn: no pass is under way any more."""
        self._running = False
        self._settle()

    def _stands(self, revision: Revision, number: int | None) -> None:
        self._now, self._server_number = revision, number
        if number is not None:
            self._by_server[number] = revision

    def _settle(self) -> None:
        self._joined = False
        if self._flight.revisions != (self._now,):
            self._flight = Under(self._now)

    def _revision(self, edits: Edits, name: str, *, stale: bool) -> Revision:
        """Return the revision of some edits: the known one, or a new one."""
        known = self._known.get((edits, name, stale))
        if known is not None and known.edits is not None:
            return known
        self._numbers += 1
        made = Revision(self._numbers, edits, name, stale=stale)
        self._table[made.number] = self._known[edits, name, stale] = made
        self._make_room(made)
        return made

    def _make_room(self, made: Revision) -> None:
        """Let the edits of the oldest revisions go, where there are too many."""
        kept = sorted(
            (each for each in self._table.values() if not each.let_go), key=lambda each: each.number
        )
        excess, size = len(kept) - KEPT, sum(each.size for each in kept)
        for each in kept:
            if (excess <= 0 and size <= NUMBERS_KEPT) or each in {made, self._now, *self._flight.revisions}:
                return
            excess, size = excess - 1, size - each.size
            del self._known[each.edits or (), each.name, each.stale]
            each.edits = None
