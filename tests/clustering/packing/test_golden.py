"""The packings beside d3-hierarchy's; `tests/golden/packing/make.py` asked it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmri_clustering.nesting import Nesting
from llmri_clustering.packing import enclosing_circle, pack_circles, pack_siblings
from llmri_clustering.packing.lattice import lattice_for
from tests.clustering.packing.strategies import nesting

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "packing" / "d3.json"
D3: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
ROUNDED = 1e-8


def nesting_of(case: dict[str, Any]) -> Nesting:
    return nesting(case["parent"], case["group"])


@pytest.mark.parametrize("case", D3["siblings"])
def test_siblings_need_the_area_that_d3_needs(case: dict[str, Any]) -> None:
    radius = enclosing_circle(pack_siblings(case["radii"]))[2]
    assert (radius / case["radius"]) ** 2 == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("case", D3["unequal"])
def test_unequal_units_at_any_depth_need_the_area_that_d3_needs(case: dict[str, Any]) -> None:
    packing = pack_circles(nesting_of(case), case["radii"], padding=case["padding"])
    assert (packing.groups[0, 2] / case["radius"]) ** 2 == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("case", D3["equal"])
def test_equal_units_need_no_more_than_a_hundredth_more_than_d3(case: dict[str, Any]) -> None:
    packing = pack_circles(nesting_of(case), padding=case["padding"])
    assert (packing.groups[0, 2] / case["radius"]) ** 2 <= 1.01


def test_one_cluster_of_equal_units_is_never_less_dense_than_d3() -> None:
    numbers = np.arange(1, len(D3["equal siblings"]) + 1)
    ours = lattice_for(len(numbers)).radius[numbers]
    assert (ours <= np.array(D3["equal siblings"]) + ROUNDED).all()
