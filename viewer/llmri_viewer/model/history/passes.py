"""What each pass of a turn was computed under, by the token that it read."""

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from llmri_viewer.model.history.revisions import Under


class Passes:
    """Runs of tokens whose passes were computed under the same.

    A token without news of its own is of the run before it: passes go in order, and each that chose a token
    tells of itself.
    """

    __slots__ = ("_changes", "_firsts", "_last", "_seen", "_unders")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._unders: list[Under] = []
        self._last = -1
        self._changes = np.empty(0, np.intp)
        self._seen = 0

    def __len__(self) -> int:
        return len(self._firsts)

    @property
    def first(self) -> Under | None:
        """What the first pass was computed under, None where there was none."""
        return self._unders[0] if self._unders else None

    @property
    def last(self) -> Under | None:
        """What the last pass was computed under, None where there was none."""
        return self._unders[-1] if self._unders else None

    def of(self, token: int) -> Under | None:
        """Return what the pass that read a token was computed under; None where there was none at all.

        A token that no pass has read is of the pass that chose it.
        """
        return self._unders[max(0, bisect_right(self._firsts, token) - 1)] if self._unders else None

    def mark(self, token: int, under: Under, *, anew: bool = False) -> None:
        """Note what the pass that read a token was computed under.

        Of a pass that told of itself before nothing is changed, unless it was computed `anew`: what tells of
        it later, such as its scan at another site, was only longer on its way.
        """
        if token > self._last:
            self._last = token
            if not self._unders or self._unders[-1] != under:
                self._firsts.append(token)
                self._unders.append(under)
        elif anew and self.of(token) != under:
            self._split(token, under)

    @property
    def changes(self) -> npt.NDArray[np.intp]:
        """Return the tokens from which on the edits were others than before, or may have been, ascending."""
        if self._seen != len(self._firsts):
            pairs = zip(self._firsts[1:], self._unders[1:], self._unders, strict=False)
            found = [first for first, under, before in pairs if under.changed_since(before)]
            self._changes, self._seen = np.asarray(found, np.intp), len(self._firsts)
        return self._changes

    def _split(self, token: int, under: Under) -> None:
        """Give one token in the midst of a run a run of its own."""
        at = bisect_right(self._firsts, token) - 1
        after = self._unders[max(0, at)]
        if token < self._last and (at + 1 == len(self._firsts) or self._firsts[at + 1] != token + 1):
            self._firsts.insert(at + 1, token + 1)
            self._unders.insert(at + 1, after)
        if at >= 0 and self._firsts[at] == token:
            self._unders[at] = under
        else:
            self._firsts.insert(at + 1, token)
            self._unders.insert(at + 1, under)
        self._seen = 0
