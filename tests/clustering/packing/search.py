"""`python -m tests.clustering.packing.search [seconds] [seed]`: look for siblings that overlap."""

import sys
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from llmri_clustering.packing import enclosing_circle, pack_siblings
from tests.clustering.packing.promises import TOLERANCE, deepest_overlap, farthest_outside
from tests.clustering.packing.strategies import drawn_radii

Floats = npt.NDArray[np.float64]


def broken(radii: Floats) -> float:
    """Return the worst broken promise of one packing, in radii."""
    circles = pack_siblings(radii)
    return max(deepest_overlap(circles), farthest_outside(circles, enclosing_circle(circles)))


def shrunk(radii: Floats, fails: Callable[[Floats], bool]) -> Floats:
    """Leave out circles for as long as it still fails."""
    for circle in reversed(range(len(radii))):
        fewer = np.delete(radii, circle)
        if len(fewer) and fails(fewer):
            radii = fewer
    return radii


def search(seconds: float, seed: int) -> Floats | None:
    """Try random radii for so long; give the first that break a promise, made few."""
    random = np.random.default_rng(seed)
    end = time.monotonic() + seconds
    tried, worst = 0, 0.0
    while time.monotonic() < end:
        radii = drawn_radii(random)
        worst = max(worst, broken(radii))
        tried += 1
        if worst > TOLERANCE:
            return shrunk(radii, lambda fewer: broken(fewer) > TOLERANCE)
    print(f"{tried} packings, the worst off by {worst:.2g} of a radius")
    return None


def main() -> None:
    """Search, and end with 1 where something was found."""
    seconds, seed = (*sys.argv[1:], *("60", "0")[len(sys.argv) - 1 :])
    found = search(float(seconds), int(seed))
    if found is not None:
        print(f"off by {broken(found):.3g} of a radius:")
        print(found.tolist())
        raise SystemExit(1)


if __name__ == "__main__":
    main()
