"""A nesting of groups and units as circles within circles."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_clustering.nesting import Nesting
from llmri_clustering.packing.lattice import TABLED, arrangement, lattice_for
from llmri_clustering.packing.radii import checked_radii
from llmri_clustering.packing.siblings import place_siblings

BUNDLED = 1024  # equal units beside groups, above which they stand together: placed singly they take seconds


@dataclass(frozen=True, eq=False)
class Packing:
    """The circles of a nesting: x, y and radius of each.

    Attributes:
        groups: `float64 [groups, 3]`; the root is centred at the origin.
        units: `float64 [units, 3]`; NaN for a unit that stands in no group.
    """

    groups: npt.NDArray[np.float64]
    units: npt.NDArray[np.float64]

    def scaled(self, radius: float) -> "Packing":
        """Return the same packing with a root of this radius; a root that is a point stays one."""
        factor = radius / self.groups[0, 2] if self.groups[0, 2] else 0.0
        return Packing(self.groups * factor, self.units * factor)


def pack_circles(nesting: Nesting, radii: npt.ArrayLike | None = None, *, padding: float = 0.0) -> Packing:
    """Place the groups and units of a nesting so that siblings don't overlap and parents hold their children.

    A group that holds nothing but equal units takes them from a hexagonal lattice. All other siblings are
    placed by front chain (Wang, Wang, Dai, Wang 2006), those with the larger sum of unit areas first; more
    than 1,024 equal units beside groups stand together in one disc. The same input gives the same packing.

    Args:
        nesting: What holds what, nested to any depth.
        radii: Radius of each unit, `[units]`; by default 1. A unit of radius 0 is a point.
        padding: Least distance between siblings, and between parent and child; a length, as the radii.

    Raises:
        ValueError: A radius is negative or not finite, there is not one for each unit, or the padding is
            negative or not finite.
    """
    units = len(nesting.group)
    checked = None if radii is None else checked_radii(radii)
    if checked is not None and len(checked) != units:
        raise ValueError(f"there are {len(checked)} radii, expected one for each of {units} units")
    if not 0 <= padding < np.inf:
        raise ValueError(f"the padding is {padding}, expected a finite number that is not negative")
    return _Packer(nesting, checked, padding).packing()


@dataclass(frozen=True, eq=False)
class _Loose:
    """The circles that the units of a group are placed by: one each, or one around all.

    Attributes:
        radii: Of these circles, with half of the padding around each unit, `[circles]`.
        areas: Of the units within each, over pi, `[circles]`.
        offsets: Where each unit stands in its circle, `[units]`, or one number for all.
    """

    radii: npt.NDArray[np.float64]
    areas: npt.NDArray[np.float64]
    offsets: npt.NDArray[np.complex128]


class _Packer:
    """Places children around their parent's centre from the innermost out, then moves all into place.

    `members` are the units that stand in a group, group by group; what ends in `_of_members` goes with them.
    """

    def __init__(self, nesting: Nesting, radii: npt.NDArray[np.float64] | None, padding: float) -> None:
        groups = len(nesting.parent)
        self.nesting = nesting
        self.half_padding = padding / 2
        self.group_centres = [0j] * groups
        self.group_radii = np.zeros(groups)
        self.areas = np.zeros(groups)  # of the units within, over pi
        # Numbers of 16 bits are sorted by radix, several times faster.
        narrow = nesting.group.astype(np.int16) if groups < np.iinfo(np.int16).max else nesting.group
        self.members = np.argsort(narrow, kind="stable")[np.count_nonzero(narrow < 0) :]
        ones = np.broadcast_to(1.0, len(self.members))
        self.radii_of_members = ones if radii is None else radii[self.members]
        self.centres_of_members = np.zeros(len(self.members), dtype=np.complex128)
        self.counts = np.bincount(narrow + 1, minlength=groups + 1)[1:]
        self.starts = np.cumsum(self.counts) - self.counts

    def packing(self) -> Packing:
        """Return the packing."""
        latticed = self._latticed()
        self._fill(np.flatnonzero(latticed))
        self._chain(np.flatnonzero(~latticed))
        centres = self._in_place()
        units = np.full((len(self.nesting.group), 3), np.nan)
        of_members = self.centres_of_members
        of_members += np.repeat(centres, self.counts)
        for column, values in enumerate((of_members.real, of_members.imag, self.radii_of_members)):
            units[self.members, column] = values
        return Packing(np.column_stack((centres.real, centres.imag, self.group_radii)), units)

    def _latticed(self) -> npt.NDArray[np.bool_]:
        """Tell which groups hold nothing but units of one radius that is not 0, `[groups]`."""
        equal = np.zeros(len(self.counts), dtype=np.bool_)
        held = np.flatnonzero(self.counts)
        if len(held):
            least = np.minimum.reduceat(self.radii_of_members, self.starts[held])
            most = np.maximum.reduceat(self.radii_of_members, self.starts[held])
            equal[held] = (least == most) & (least > 0)
        equal[self.nesting.parent[1:]] = False
        return equal

    def _fill(self, groups: npt.NDArray[np.int64]) -> None:
        """Fill groups of equal units from the lattice, all at once but for those too large for its table."""
        for group in groups[self.counts[groups] > TABLED].tolist():
            units = slice(self.starts[group], self.starts[group] + self.counts[group])
            loose = self._loose(units)
            self.centres_of_members[units] = loose.offsets
            self.group_radii[group] = loose.radii[0] + self.half_padding
            self.areas[group] = loose.areas[0]
        groups = groups[self.counts[groups] <= TABLED]
        if not len(groups):
            return
        counts, starts = self.counts[groups], self.starts[groups]
        lattice = lattice_for(int(counts.max()))
        apart = self.radii_of_members[starts] + self.half_padding
        centres = lattice.centres[_runs(lattice.start[counts], counts)]
        if (apart != 1).any():
            centres *= np.repeat(apart, counts)
        if len(centres) == len(self.members):
            self.centres_of_members = centres
        else:
            self.centres_of_members[_runs(starts, counts)] = centres
        self.group_radii[groups] = lattice.radius[counts] * apart + self.half_padding
        self.areas[groups] = counts * self.radii_of_members[starts] ** 2

    def _chain(self, unfilled: npt.NDArray[np.int64]) -> None:
        """Place the children of all other groups, inner groups first."""
        inner: list[list[int]] = [[] for _ in self.group_centres]
        for group, parent in enumerate(self.nesting.parent[1:].tolist(), start=1):
            inner[parent].append(group)
        for group in unfilled[::-1].tolist():
            units = slice(self.starts[group], self.starts[group] + self.counts[group])
            groups = inner[group]
            loose = self._loose(units)
            radii = np.concatenate((self.group_radii[groups] + self.half_padding, loose.radii))
            sizes = np.concatenate((self.areas[groups], loose.areas))
            order = np.argsort(-sizes, kind="stable")
            placed, around = place_siblings(radii[order].tolist())
            centres = np.empty(len(order), dtype=np.complex128)
            centres[order] = placed
            for child, centre in zip(groups, centres[: len(groups)].tolist(), strict=True):
                self.group_centres[child] = centre
            self.centres_of_members[units] = centres[len(groups) :] + loose.offsets
            self.group_radii[group] = around + self.half_padding if len(order) else 0.0
            self.areas[group] = sizes.sum()

    def _loose(self, units: slice) -> _Loose:
        """Return the units that stand in a group beside other groups: very many equal ones in one disc."""
        radii = self.radii_of_members[units]
        if len(radii) <= BUNDLED or radii.min() < radii.max() or not radii[0]:
            return _Loose(radii + self.half_padding, radii**2, np.zeros(1, dtype=np.complex128))
        apart = float(radii[0]) + self.half_padding
        centres, around = arrangement(len(radii))
        return _Loose(np.array([around * apart]), np.array([(radii**2).sum()]), centres * apart)

    def _in_place(self) -> npt.NDArray[np.complex128]:
        """Turn the groups' centres around their parents' into centres around the root's."""
        centres = self.group_centres
        for group, parent in enumerate(self.nesting.parent[1:].tolist(), start=1):
            centres[group] += centres[parent]
        return np.array(centres, dtype=np.complex128)


def _runs(starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return consecutive numbers from each start on, run after run."""
    numbers = np.arange(lengths.sum())
    numbers += np.repeat(starts - np.cumsum(lengths) + lengths, lengths)
    return numbers
