"""One turn as it was seen: its tokens, and its scans at each site in the order of their tokens."""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Token, TurnEnd
from llmri_viewer.model.history.under import Passes

Rows = npt.NDArray[np.float32]
SHEET_OBJECTS = 400  # bytes of the Python objects around a scan, about
TOKEN_OBJECTS, CANDIDATE_OBJECTS = 320, 180  # of a token, and of each candidate it was chosen from


class TokenRef(NamedTuple):
    """One token's place: the turn and the token's number in it."""

    turn: int
    token: int


class ScanRows(NamedTuple):
    """A scan as kept: `rows` is `[layers, width]`, row i belongs to `layers[i]`.

    `time` is when the server took it, in seconds since 1970; 0 where that is not known.
    """

    layers: tuple[int, ...]
    rows: Rows
    time: float = 0.0

    def row(self, layer: int) -> Rows | None:
        """Return one layer's activations, None where the scan has not that layer."""
        if layer not in self.layers:
            return None
        row: Rows = self.rows[self.layers.index(layer)]
        return row

    @property
    def bytes(self) -> int:
        """The memory that goes with it: rows often lie in the frame that they arrived in."""
        owner: object = self.rows
        while isinstance(owner, np.ndarray | memoryview):
            under = owner.base if isinstance(owner, np.ndarray) else owner.obj
            if under is None:
                break
            owner = under
        whole = owner.nbytes if isinstance(owner, np.ndarray) else len(owner)  # type: ignore[arg-type]
        return max(int(whole), self.rows.nbytes) + SHEET_OBJECTS


class TurnScans:
    """The scans of a turn at one site.

    Attributes:
        tokens: The tokens that have one, ascending; not to be changed from outside.
        upset: Grows whenever `tokens` changes other than at its end.
        gone_to: Tokens below this one were let go, where they had a scan.
    """

    __slots__ = ("_runs", "_runs_of", "_sheets", "gone_to", "tokens", "upset")

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.upset = self.gone_to = 0
        self._sheets: dict[int, ScanRows] = {}
        self._runs = np.empty((2, 0), np.intp)
        self._runs_of = (0, 0)

    def __len__(self) -> int:
        return len(self.tokens)

    def get(self, token: int) -> ScanRows | None:
        """Return the scan at a token."""
        return self._sheets.get(token)

    @property
    def runs(self) -> npt.NDArray[np.intp]:
        """The runs of neighbouring tokens: their first ones, and those behind the last, `[2, runs]`."""
        if self._runs_of != (self.upset, len(self.tokens)):
            self._runs_of = (self.upset, len(self.tokens))
            self._runs = _runs(self.tokens)
        return self._runs

    def put(self, token: int, sheet: ScanRows) -> ScanRows | None:
        """Keep a scan; give the one that it takes the place of."""
        replaced = self._sheets.get(token)
        self._sheets[token] = sheet
        if replaced is not None:
            self.upset += 1
        elif not self.tokens or token > self.tokens[-1]:
            self.tokens.append(token)
        else:
            insort(self.tokens, token)
            self.upset += 1
        return replaced

    def let_go(self, token: int) -> ScanRows | None:
        """Drop the scan at a token, and remember that there was one."""
        sheet = self._sheets.pop(token, None)
        if sheet is not None:
            del self.tokens[bisect_left(self.tokens, token)]
            self.upset += 1
            self.gone_to = max(self.gone_to, token + 1)
        return sheet

    def nearest(self, token: int) -> int:
        """Return the scanned token nearest to one, the earlier of two; there must be one."""
        at = bisect_left(self.tokens, token)
        near = self.tokens[max(0, at - 1) : at + 1]
        return min(near, key=lambda each: abs(each - token))


@dataclass(eq=False)
class Turn:
    """One prompt and its reply, as far as it came.

    Attributes:
        tokens: By number.
        order: The numbers of the tokens, ascending.
        upset: Grows whenever the text changes other than at its end.
        read: One more than the number of the last token of the prompt.
        length: One more than the number of the last token that was said or scanned.
        sheets: The scans, by site.
        extremes: Least and greatest value seen, by site and layer.
        passes: Which edits each pass was computed under.
    """

    number: int
    prompt: str = ""
    tokens: dict[int, Token] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    upset: int = 0
    read: int = 0
    length: int = 0
    sheets: dict[str, TurnScans] = field(default_factory=dict)
    extremes: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)
    passes: Passes = field(default_factory=Passes)
    end: TurnEnd | None = None
    text_bytes: int = 0
    _chosen: int = 0

    @property
    def scans(self) -> int:
        """How many scans are kept, at all sites."""
        return sum(len(scans) for scans in self.sheets.values())

    @property
    def wordless(self) -> bool:
        """Whether it is over, and no token of it was read or written."""
        return self.end is not None and not self.order

    def generated(self) -> int:
        """Count the tokens the model chose."""
        return self._chosen

    def say(self, token: Token) -> None:
        """Take a token."""
        known = self.tokens.get(token.token)
        if known is not None:
            self.upset += 1
            self._chosen -= known.phase == "generate"
            self.text_bytes -= _bytes_of(known)
        elif not self.order or token.token > self.order[-1]:
            self.order.append(token.token)
        else:
            insort(self.order, token.token)
            self.upset += 1
        self.tokens[token.token] = token
        self.length = max(self.length, token.token + 1)
        self.text_bytes += _bytes_of(token)
        if token.phase == "generate":
            self._chosen += 1
        else:
            self.read = max(self.read, token.token + 1)

    def take(self, token: int, site: str, sheet: ScanRows) -> ScanRows | None:
        """Keep a scan; give the one that it takes the place of."""
        self.length = max(self.length, token + 1)
        self._widen(site, sheet)
        return self.sheets.setdefault(site, TurnScans()).put(token, sheet)

    def _widen(self, site: str, sheet: ScanRows) -> None:
        """Let the extremes of a site's layers span a scan too; what is not finite counts for nothing."""
        rows = sheet.rows
        lows, highs = np.fmin.reduce(rows, axis=1), np.fmax.reduce(rows, axis=1)
        if not (np.isfinite(lows) & np.isfinite(highs)).all():
            rows = np.where(np.isfinite(rows), rows, np.nan)
            lows, highs = np.fmin.reduce(rows, axis=1), np.fmax.reduce(rows, axis=1)
        for layer, low, high in zip(sheet.layers, lows.tolist(), highs.tolist(), strict=True):
            if low <= high:
                known = self.extremes.get((site, layer), (low, high))
                self.extremes[site, layer] = (min(low, known[0]), max(high, known[1]))


def _runs(tokens: list[int]) -> npt.NDArray[np.intp]:
    if not tokens or tokens[-1] - tokens[0] + 1 == len(tokens):
        return np.asarray([tokens[:1], [token + 1 for token in tokens[-1:]]], np.intp)
    each = np.asarray(tokens, np.intp)
    breaks = np.flatnonzero(np.diff(each) > 1)
    return np.stack([each[np.append(0, breaks + 1)], each[np.append(breaks, len(each) - 1)] + 1])


def _bytes_of(token: Token) -> int:
    """Return the memory of a token, about."""
    return TOKEN_OBJECTS + 2 * len(token.text) + CANDIDATE_OBJECTS * len(token.top)
