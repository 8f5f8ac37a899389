import numpy as np
import pytest

from llmri_clustering.agglomeration.neighbourhood import neighbourhood_order
from llmri_clustering.agglomeration.standardise import standardised


@pytest.mark.parametrize("units", [1, 2, 3, 10, 500])
def test_every_unit_has_one_place(units: int) -> None:
    rows = standardised(np.random.default_rng(0).normal(size=(20, units)))
    assert sorted(neighbourhood_order(rows, signed=True).tolist()) == list(range(units))


@pytest.mark.parametrize("signed", [True, False])
def test_similar_units_come_near_each_other(signed: bool) -> None:
    random = np.random.default_rng(1)
    block = random.integers(8, size=800)
    signs = 1 if signed else random.choice([-1, 1], size=800)
    samples = (random.normal(size=(100, 8))[:, block] + random.normal(size=(100, 800))) * signs
    ordered = block[neighbourhood_order(standardised(samples), signed=signed)]
    assert np.mean(ordered[1:] == ordered[:-1]) > 0.9
    assert np.mean(block[1:] == block[:-1]) < 0.2
