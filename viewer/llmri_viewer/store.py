"""What was seen: tokens by turn, and a ring of scans that never outgrows its memory."""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Token, TurnEnd

Rows = npt.NDArray[np.float32]

TURNS_KEPT = 256  # texts of older turns go; their scans went long before
SPREAD_SHEETS = 32


class Moment(NamedTuple):
    """One token's place: the turn and the token's number in it."""

    turn: int
    token: int


class Sheet(NamedTuple):
    """A scan as kept: `rows` is `[layers, width]`, row i belongs to `layers[i]`."""

    layers: tuple[int, ...]
    rows: Rows

    def row(self, layer: int) -> Rows | None:
        """Give one layer's activations, None where the scan has not that layer."""
        if layer not in self.layers:
            return None
        row: Rows = self.rows[self.layers.index(layer)]
        return row


@dataclass
class Turn:
    """One prompt and its reply, as far as it came."""

    number: int
    prompt: str = ""
    tokens: dict[int, Token] = field(default_factory=dict)
    sheets: dict[str, dict[int, Sheet]] = field(default_factory=dict)
    extremes: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)  # by site and layer
    end: TurnEnd | None = None

    def generated(self) -> int:
        """Count the tokens the model chose."""
        return sum(token.phase == "generate" for token in self.tokens.values())

    def widen(self, site: str, sheet: Sheet) -> None:
        """Let the extremes of a site's layers span a scan too."""
        lows, highs = sheet.rows.min(axis=1).tolist(), sheet.rows.max(axis=1).tolist()
        for layer, low, high in zip(sheet.layers, lows, highs, strict=True):
            known = self.extremes.get((site, layer), (low, high))
            self.extremes[site, layer] = (min(low, known[0]), max(high, known[1]))


class ScanStore:
    """Tokens and scans by turn; the oldest scans go when `budget` bytes are full."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.bytes = 0
        self.revision = 0  # grows with every change, so that a view knows when to draw
        self.turns: dict[int, Turn] = {}
        self._ring: deque[tuple[Moment, str, int]] = deque()

    def turn(self, number: int) -> Turn:
        """Give a turn, begun now if it was not known."""
        if number not in self.turns:
            self.turns[number] = Turn(number)
            while len(self.turns) > TURNS_KEPT:
                forgotten = self.turns.pop(min(self.turns))
                self.bytes -= sum(s.rows.nbytes for site in forgotten.sheets.values() for s in site.values())
        self.revision += 1
        return self.turns[number]

    def clear(self) -> None:
        """Forget everything."""
        self.turns.clear()
        self._ring.clear()
        self.bytes = 0
        self.revision += 1

    def add_token(self, token: Token) -> None:
        """Keep a token."""
        self.turn(token.turn).tokens[token.token] = token

    def add_scan(self, moment: Moment, site: str, sheet: Sheet) -> None:
        """Keep a scan, and let the oldest go until all fit the budget; the newest always stays."""
        turn = self.turn(moment.turn)
        turn.widen(site, sheet)
        sheets = turn.sheets.setdefault(site, {})
        replaced = sheets.get(moment.token)
        sheets[moment.token] = sheet
        self.bytes += sheet.rows.nbytes - (replaced.rows.nbytes if replaced else 0)
        if replaced is None:
            self._ring.append((moment, site, moment.token))
        while self.bytes > self.budget and len(self._ring) > 1:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        moment, site, token = self._ring.popleft()
        turn = self.turns.get(moment.turn)
        sheet = turn.sheets.get(site, {}).pop(token, None) if turn else None
        if sheet is not None:
            self.bytes -= sheet.rows.nbytes

    def sheet(self, moment: Moment | None, site: str) -> Sheet | None:
        """Give the scan of a site at a token, None where there is none (any more)."""
        turn = self.turns.get(moment.turn) if moment else None
        return turn.sheets.get(site, {}).get(moment.token) if turn and moment else None

    def row(self, moment: Moment | None, site: str, layer: int) -> Rows | None:
        """Give one layer's activations at a token, `[width]`."""
        sheet = self.sheet(moment, site)
        return sheet.row(layer) if sheet else None

    def moments(self, turn: int, site: str) -> list[int]:
        """Give the tokens of a turn that have a scan at a site, ascending."""
        known = self.turns.get(turn)
        return sorted(known.sheets.get(site, {})) if known else []

    def newest(self, site: str) -> Moment | None:
        """Give the newest token with a scan at a site."""
        for number in sorted(self.turns, reverse=True):
            sheets = self.turns[number].sheets.get(site)
            if sheets:
                return Moment(number, max(sheets))
        return None

    def step(self, moment: Moment, site: str, step: int) -> Moment | None:
        """Give the nearest scanned token before (-1) or after (+1) one, across turns."""
        order = range(moment.turn, max(self.turns, default=0) + 1)
        turns = order if step > 0 else range(moment.turn, min(self.turns, default=1) - 1, -1)
        for number in turns:
            tokens = self.moments(number, site)
            if number == moment.turn:
                tokens = [token for token in tokens if (token - moment.token) * step > 0]
            if tokens:
                return Moment(number, tokens[0] if step > 0 else tokens[-1])
        return None

    def history(self, turn: int, site: str, layer: int, unit: int) -> tuple[list[int], list[float]]:
        """Give a unit's values over a turn: the tokens and the value at each."""
        tokens, values = [], []
        for token in self.moments(turn, site):
            row = self.row(Moment(turn, token), site, layer)
            if row is not None and unit < row.size:
                tokens.append(token)
                values.append(float(row[unit]))
        return tokens, values

    def spread(self, turn: int, site: str) -> list[Sheet]:
        """Give scans spread evenly over a turn, at most 32."""
        tokens = self.moments(turn, site)
        stride = max(1, -(-len(tokens) // SPREAD_SHEETS))
        return [self.turns[turn].sheets[site][token] for token in tokens[::stride]]
