"""What was seen: tokens by turn, and a ring of scans that never outgrows its memory.

Every question a frame asks is answered from lists that are kept in order as scans arrive, so that it costs
the same in the first turn and after thousands of tokens.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field

from llmri_protocol.messages import Edits, Token, TurnEnd, TurnStart, Welcome
from llmri_viewer.model.history.revisions import Revisions
from llmri_viewer.model.history.turns import Rows, ScanRows, TokenRef, Turn, TurnScans
from llmri_viewer.model.history.under import UNKNOWN, Revision, Under

__all__ = ["Rows", "ScanRows", "ScanStore", "TokenRef", "Turn"]

TURNS_KEPT = 256  # texts of older turns go once their scans have gone
SPREAD_SHEETS = 32
HISTORIES_KEPT = 32
NOTHING = TurnScans()
NOT_KNOWN = Under(UNKNOWN)


@dataclass
class _History:
    """A unit's values over a turn, as far as they were read."""

    scans: TurnScans
    upset: int
    seen: int = 0
    tokens: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


class ScanStore:
    """Tokens and scans by turn; the oldest scans go when `budget` bytes are full.

    Attributes:
        budget: Bytes that everything here may take: scans of all sites, and the tokens of the text.
        bytes: What it takes now.
        revision: Grows with every change, so that a view knows when to draw.
        turns: The turns, by number.
        order: Their numbers, ascending.
        gone: How many scans were let go, by site.
        revisions: The sets of edits that tokens and scans were computed under.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.bytes = 0
        self.revision = 0
        self.turns: dict[int, Turn] = {}
        self.order: list[int] = []
        self.gone: Counter[str] = Counter()
        self.revisions = Revisions()
        self._ring: deque[tuple[int, str, int]] = deque()
        self._scanned: dict[str, list[int]] = {}
        self._histories: OrderedDict[tuple[int, str, int, int], _History] = OrderedDict()

    def turn(self, number: int) -> Turn:
        """Return a turn, begun now if it was not known."""
        if number not in self.turns:
            self._forget_bare_turns(TURNS_KEPT - 1)
            self.turns[number] = Turn(number)
            insort(self.order, number)
        self.revision += 1
        return self.turns[number]

    def clear(self) -> None:
        """Forget everything."""
        self.turns.clear()
        self.order.clear()
        self.gone.clear()
        self._ring.clear()
        self._scanned.clear()
        self._histories.clear()
        self.revisions = Revisions()
        self.bytes = 0
        self.revision += 1

    def stand(self, message: Welcome | Edits) -> Revision:
        """Take the edits that stand from now on."""
        self.revision += 1
        stale = message.stale_cache
        if isinstance(message, Welcome):
            return self.revisions.welcomed(
                message.edits, message.edit_set, stale=stale, number=message.revision
            )
        return self.revisions.told(message.edits, message.name, stale=stale, number=message.revision)

    def begin(self, start: TurnStart) -> None:
        """Begin a turn; one that was begun before is the same."""
        self.turn(start.turn).prompt = start.prompt
        self.revisions.begin(new=start.new)

    def end(self, end: TurnEnd) -> None:
        """End a turn."""
        self.turn(end.turn).end = end
        self.revisions.end()

    def add_token(self, token: Token, revision: int | None = None) -> None:
        """Keep a token; one that was chosen tells that the pass over the token before it is over.

        `revision` is the server's number for the edits of that pass, where it came with one.
        """
        turn = self.turn(token.turn)
        before = turn.text_bytes
        turn.say(token)
        self.bytes += turn.text_bytes - before
        if token.phase == "prompt":
            self.revisions.reading()
        else:
            turn.passes.mark(token.token - 1, self.revisions.chosen(token.token - 1, revision))
        self._keep_to_budget()

    def add_scan(self, moment: TokenRef, site: str, rows: ScanRows, revision: int | None = None) -> None:
        """Keep a scan, and let the oldest go until all fit the budget; the newest always stays.

        `revision` is the server's number for the edits of its pass, where it came with one.
        """
        turn = self.turn(moment.turn)
        if not self.moments(moment.turn, site):
            insort(self._scanned.setdefault(site, []), moment.turn)
        replaced = turn.take(moment.token, site, rows)
        under = self.revisions.passing(moment.token, revision)
        turn.passes.mark(moment.token, under, anew=replaced is not None)
        self.bytes += rows.bytes - (replaced.bytes if replaced else 0)
        if replaced is None:
            self._ring.append((moment.turn, site, moment.token))
        self._keep_to_budget()

    def scan(self, moment: TokenRef | None, site: str) -> ScanRows | None:
        """Return the scan of a site at a token, None where there is none (any more)."""
        return self._scans_of(moment.turn, site).get(moment.token) if moment else None

    def row(self, moment: TokenRef | None, site: str, layer: int) -> Rows | None:
        """Return one layer's activations at a token, `[width]`."""
        rows = self.scan(moment, site)
        return rows.row(layer) if rows else None

    def under(self, moment: TokenRef | None) -> Under:
        """Return the edits that a token's scans were computed under, kept or not; by default what comes next.

        Of a token that no pass has read these are the ones it was chosen under.
        """
        if moment is None:
            return self.revisions.flight
        turn = self.turns.get(moment.turn)
        found = turn.passes.of(moment.token) if turn else None
        if found is not None:
            return found
        newest = bool(self.order) and moment.turn == self.order[-1]
        return self.revisions.flight if newest else NOT_KNOWN

    def let_go(self, moment: TokenRef, site: str) -> bool:
        """Tell whether a token's scan was kept once and had to go for newer ones."""
        scans = self._scans_of(moment.turn, site)
        return moment.token < scans.gone_to and scans.get(moment.token) is None

    def moments(self, turn: int, site: str) -> list[int]:
        """Return the tokens of a turn that have a scan at a site, ascending; not to be changed."""
        return self._scans_of(turn, site).tokens

    def scanned_turns(self, site: str) -> list[int]:
        """Return the turns that have a scan at a site, ascending; not to be changed."""
        return self._scanned.get(site, [])

    def newest(self, site: str) -> TokenRef | None:
        """Return the newest token with a scan at a site."""
        turns = self.scanned_turns(site)
        return self._last(turns[-1], site) if turns else None

    def oldest(self, site: str) -> TokenRef | None:
        """Return the oldest token with a scan at a site."""
        turns = self.scanned_turns(site)
        return self._first(turns[0], site) if turns else None

    def step(self, moment: TokenRef, site: str, step: int) -> TokenRef | None:
        """Return the nearest scanned token before (-1) or after (+1) one, across turns."""
        tokens, turns = self.moments(moment.turn, site), self.scanned_turns(site)
        if step > 0:
            at, beyond = bisect_right(tokens, moment.token), bisect_right(turns, moment.turn)
            if at < len(tokens):
                return TokenRef(moment.turn, tokens[at])
            return self._first(turns[beyond], site) if beyond < len(turns) else None
        at, beyond = bisect_left(tokens, moment.token), bisect_left(turns, moment.turn)
        if at:
            return TokenRef(moment.turn, tokens[at - 1])
        return self._last(turns[beyond - 1], site) if beyond else None

    def nearest(self, moment: TokenRef, site: str) -> TokenRef | None:
        """Return the scanned token nearest to one: of its turn, else the next, else the last before."""
        scans = self._scans_of(moment.turn, site)
        if scans.tokens:
            return TokenRef(moment.turn, scans.nearest(moment.token))
        return self.step(moment, site, 1) or self.step(moment, site, -1)

    def behind(self, moment: TokenRef | None, site: str) -> int:
        """Count the scanned tokens that came after one."""
        if moment is None:
            return 0
        turns, tokens = self.scanned_turns(site), self.moments(moment.turn, site)
        later = sum(len(self.moments(turn, site)) for turn in turns[bisect_right(turns, moment.turn) :])
        return later + len(tokens) - bisect_right(tokens, moment.token)

    def history(self, turn: int, site: str, layer: int, unit: int) -> tuple[list[int], list[float]]:
        """Return a unit's values over a turn: the tokens and the value at each; neither is to be changed."""
        scans, key = self._scans_of(turn, site), (turn, site, layer, unit)
        known = self._histories.get(key)
        if known is None or known.scans is not scans or known.upset != scans.upset:
            known = self._histories[key] = _History(scans, scans.upset)
        self._histories.move_to_end(key)
        if len(self._histories) > HISTORIES_KEPT:
            self._histories.popitem(last=False)
        for token in scans.tokens[known.seen :]:
            rows = scans.get(token)
            row = rows.row(layer) if rows else None
            if row is not None and unit < row.size:
                known.tokens.append(token)
                known.values.append(float(row[unit]))
        known.seen = len(scans.tokens)
        return known.tokens, known.values

    def spread(self, turn: int, site: str) -> list[ScanRows]:
        """Return scans spread evenly over a turn, at most 32."""
        scans = self._scans_of(turn, site)
        stride = max(1, -(-len(scans) // SPREAD_SHEETS))
        return [rows for token in scans.tokens[::stride] if (rows := scans.get(token)) is not None]

    def _first(self, turn: int, site: str) -> TokenRef:
        return TokenRef(turn, self.moments(turn, site)[0])

    def _last(self, turn: int, site: str) -> TokenRef:
        return TokenRef(turn, self.moments(turn, site)[-1])

    def _scans_of(self, turn: int, site: str) -> TurnScans:
        known = self.turns.get(turn)
        return known.sheets.get(site, NOTHING) if known else NOTHING

    def _keep_to_budget(self) -> None:
        """Let the oldest scans go, and where there are none but one, the oldest text."""
        while self.bytes > self.budget and len(self._ring) > 1:
            self._let_oldest_go()
        while self.bytes > self.budget and len(self.order) > 1 and not self.turns[self.order[0]].scans:
            self._forget(self.order[0])

    def _let_oldest_go(self) -> None:
        number, site, token = self._ring.popleft()
        turn = self.turns.get(number)
        scans = turn.sheets.get(site) if turn else None
        rows = scans.let_go(token) if scans else None
        if scans is None or rows is None:
            return
        self.bytes -= rows.bytes
        self.gone[site] += 1
        if not scans.tokens:
            self._scanned[site].remove(number)
            self._forget_bare_turns(TURNS_KEPT)

    def _forget_bare_turns(self, most: int) -> None:
        """Forget the text of the oldest turns, where there are too many and their scans have gone."""
        while len(self.order) > most and not self.turns[self.order[0]].scans:
            self._forget(self.order[0])

    def _forget(self, number: int) -> None:
        self.bytes -= self.turns.pop(number).text_bytes
        self.order.remove(number)
