"""`python -m tests.golden.packing.make`: ask d3-hierarchy for the radii that d3.json holds."""

import json
from pathlib import Path

import numpy as np

from benchmarks.d3 import D3, VERSION

GOLDEN = Path(__file__).with_name("d3.json")
EQUAL = 400  # the most equal circles asked for
DIGITS = 9


def sibling_radii() -> list[list[float]]:
    """Draw radii of several kinds."""
    random = np.random.default_rng(0)
    drawn = [np.exp(random.normal(0, sigma, number)) for number in (1, 2, 3, 10, 100) for sigma in (0.3, 1)]
    drawn += [np.sort(radii)[::-1] for radii in drawn[-4:]]
    drawn += [random.integers(1, 4, 60), np.append(100, np.ones(60)), np.append(np.ones(60), 100)]
    return [radii.astype(np.float64).round(6).tolist() for radii in drawn]


def nested(seed: int, *, equal: bool) -> dict[str, object]:
    """Draw groups within groups, each with units of its own."""
    random = np.random.default_rng(seed)
    groups = 8
    parent = [-1, *(int(random.integers(0, group)) for group in range(1, groups))]
    group = [*range(groups), *random.integers(0, groups, 72).tolist()]
    radii = [1.0] * len(group) if equal else np.exp(random.normal(0, 0.6, len(group))).round(6).tolist()
    return {"parent": parent, "group": group, "radii": radii, "padding": float(seed % 3) / 4}


def tree(case: dict[str, list[int]], root: int = 0) -> dict[str, object]:
    """Return a nesting as d3 wants it: groups by number, then units by number."""
    inner = [tree(case, group) for group, parent in enumerate(case["parent"]) if parent == root]
    units = [{"r": case["radii"][unit]} for unit, group in enumerate(case["group"]) if group == root]
    return {"children": inner + units}


def make() -> dict[str, object]:
    """Ask d3."""
    with D3.running() as d3:

        def siblings(radii: list[float]) -> float:
            return round(d3.ask({"siblings": radii}).radius, DIGITS)

        def whole(case: dict[str, object]) -> dict[str, object]:
            answer = d3.ask({"nested": tree(case), "padding": case["padding"]})  # type: ignore[arg-type]
            return {**case, "radius": round(answer.radius, DIGITS)}

        return {
            "made with": f"d3-hierarchy {VERSION}",
            "siblings": [{"radii": radii, "radius": siblings(radii)} for radii in sibling_radii()],
            "unequal": [whole(nested(seed, equal=False)) for seed in range(6)],
            "equal": [whole(nested(seed, equal=True)) for seed in range(6)],
            "equal siblings": [siblings([1.0] * number) for number in range(1, EQUAL + 1)],
        }


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(make()) + "\n", encoding="utf-8")
