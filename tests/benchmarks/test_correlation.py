"""The correlation benchmark runs, and its contestants work out the same."""

import numpy as np

from benchmarks.correlation import BATCH, OURS, OUTER, Case, OuterProducts, measure
from benchmarks.report import Gate
from benchmarks.runs import Advance
from llmri_clustering.correlation import RunningCorrelation


def test_the_outer_products_give_the_same_correlation() -> None:
    scans = np.random.default_rng(0).normal(3, size=(200, 6)).astype(np.float32)
    outer, ours = OuterProducts(6), RunningCorrelation(6)
    for scan in scans:
        outer.add(scan)
        ours.add(scan)
    deviation = np.sqrt(np.diag(outer.comoment))
    np.testing.assert_allclose(outer.comoment / np.outer(deviation, deviation), ours.correlation(), atol=1e-5)


def test_it_is_measured_as_a_ratio() -> None:
    steps: list[None] = []

    def track(_title: str, _steps: int) -> Advance:
        return lambda: steps.append(None)

    section = measure(Case(8, 20, Gate(20, at_most=False)), track, rounds=1)
    assert section.title == "Correlation, 8 units"
    assert [row.name for row in section.rows if row.gate] == [f"{OUTER} / {OURS}"]
    assert f"{OUTER} / {BATCH}" in [row.name for row in section.rows]
    assert all(row.spread.median > 0 for row in section.rows)
    assert len(steps) == section.attempts * 2 * 3
