"""What passes were computed under: a set of edits or, where they changed meanwhile, one of several."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Edit

Edits = tuple[Edit, ...]
Place = tuple[str, int, int]  # site, layer and unit


class Revision:
    """A set of edits that stood for a while; a table has one for each different set.

    Attributes:
        number: Its number in the table, from 1; 0 is what stood before the first news of edits.
        edits: In order; None where they are not known, or not kept any more.
        name: What the set is called.
        stale: Whether keys and values of earlier tokens came from other edits.
    """

    def __init__(self, number: int, edits: Edits | None, name: str = "", *, stale: bool = False) -> None:
        self.number = number
        self.edits = edits
        self.name = name
        self.stale = stale

    def __repr__(self) -> str:
        return f"Revision({self.number}, {self.edits!r}, {self.name!r}, stale={self.stale})"

    @property
    def let_go(self) -> bool:
        """Whether the edits were known once, and had to go for newer ones."""
        return self.edits is None and self.number > 0

    @cached_property
    def size(self) -> int:
        """How many numbers the edits are made of, about."""
        return sum(
            1 + len(edit.units) + len(edit.heads) + len(edit.direction) + len(edit.positions)
            for edit in self.edits or ()
        )

    def same(self, other: "Revision") -> bool:
        """Tell whether both are known to have the same edits."""
        return self is other or (self.edits is not None and self.edits == other.edits)


UNKNOWN = Revision(0, None)
"""What stood before the first news of edits."""


class Under:
    """What a pass was computed under: one set of edits or, where they changed meanwhile, one of several.

    Args:
        revisions: What it can have been, from the oldest on; one where that is certain.
    """

    def __init__(self, *revisions: Revision) -> None:
        self.revisions = revisions

    def __repr__(self) -> str:
        return f"Under{self.revisions!r}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Under) and self.revisions == other.revisions

    def __hash__(self) -> int:
        return hash(self.revisions)

    @property
    def newest(self) -> Revision:
        """The last of what it can have been."""
        return self.revisions[-1]

    @property
    def certain(self) -> bool:
        """Whether there is no choice: one set of edits, known itself or not."""
        return all(each.same(self.newest) for each in self.revisions)

    @property
    def edits(self) -> Edits | None:
        """The edits; None where it is not certain which, or these are not known."""
        return self.newest.edits if self.certain else None

    @property
    def stale(self) -> bool:
        """Whether keys and values of earlier tokens came from other edits, perhaps."""
        return any(each.stale for each in self.revisions)

    @property
    def sure(self) -> Edits:
        """The edits as far as they are certain: those that all it can have been have in common."""
        return _sure(self)

    @property
    def units(self) -> Mapping[Place, Edit]:
        """The edit that each unit obeyed for certain."""
        return _units(self)

    @property
    def possible(self) -> frozenset[Place]:
        """The units that obeyed another edit, or none, perhaps."""
        return _possible(self)

    def changed_since(self, before: "Under") -> bool:
        """Tell whether the edits changed after an earlier pass, or in it; a change is told of once.

        It is not told again of the pass after the one that it came in the middle of.
        """
        return self.revisions != before.revisions and not (self.certain and self.newest.same(before.newest))


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


def units_of(edits: Iterable[Edit]) -> Mapping[Place, Edit]:
    """Return by site, layer and unit the edit that it obeys; the last one of a unit holds."""
    return MappingProxyType({(edit.site, edit.layer, unit): edit for edit in edits for unit in edit.units})


@lru_cache(maxsize=8)
def _sure(under: Under) -> Edits:
    if under.certain:
        return under.newest.edits or ()
    first, *others = (each.edits or () for each in under.revisions)
    return tuple(edit for edit in first if all(edit in other for other in others))


@lru_cache(maxsize=8)
def _units(under: Under) -> Mapping[Place, Edit]:
    return units_of(under.sure)


@lru_cache(maxsize=8)
def _possible(under: Under) -> frozenset[Place]:
    if under.certain:
        return frozenset()
    every = (units_of(each.edits or ()) for each in under.revisions)
    return frozenset().union(*every) - frozenset(under.units)
