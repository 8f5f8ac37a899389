"""Where all pairs are too many: candidates in cells, and how far the tree then agrees with the exact one."""

import numpy as np
import pytest
from scipy.cluster import hierarchy  # type: ignore[import-untyped]

from llmri_clustering import BuildOptions, Samples, UnitSet, build, linkage_from_samples
from llmri_clustering.agglomeration import ClusterTree, adjusted_rand, agreement_with_exact, cut
from llmri_clustering.agglomeration.candidates import candidates
from llmri_clustering.agglomeration.cells import candidates_in_cells
from llmri_clustering.agglomeration.standardise import standardised
from llmri_clustering.sources import source_of


def families(units: int, samples: int = 96) -> np.ndarray:
    """Units in blocks of 24, and blocks in families, with noise."""
    random = np.random.default_rng(0)
    block = random.integers(units // 24, size=units)
    of_block = random.standard_normal((samples, units // 24))[:, block]
    of_family = random.standard_normal((samples, 6))[:, block % 6]
    found: np.ndarray = random.standard_normal((samples, units)) + 1.6 * of_block + 0.8 * of_family
    return found


def test_what_is_found_in_cells_is_what_is_found_among_all_pairs_but_for_a_few() -> None:
    rows = standardised(families(1500))
    exact = candidates(rows, np.random.default_rng(1))
    found = candidates_in_cells(rows, np.random.default_rng(1))
    assert exact is not None
    assert found is not None
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert len(pairs) == len(found.first)
    assert (found.first < found.second).all()
    correlation = np.einsum("ps,ps->p", rows[found.first], rows[found.second])
    np.testing.assert_allclose(correlation, found.similarity, atol=1e-5)
    near = exact.similarity > 0.5
    wanted = set(zip(exact.first[near].tolist(), exact.second[near].tolist(), strict=True))
    assert len(wanted) > 5000
    assert len(wanted & pairs) >= 0.95 * len(wanted)


def test_the_estimate_agrees_with_the_exact_tree_and_says_how_far() -> None:
    samples = families(3000)
    exact = linkage_from_samples(samples)
    estimate = linkage_from_samples(samples, exact=300)
    assert hierarchy.is_valid_linkage(estimate)
    flat = [cut(ClusterTree.from_linkage(tree), sizes=(8, 46)) for tree in (exact, estimate)]
    assert adjusted_rand(*flat) >= 0.95
    heights = np.corrcoef(hierarchy.cophenet(exact), hierarchy.cophenet(estimate))[0, 1]
    assert heights >= 0.95
    told = agreement_with_exact(source_of(samples), lambda tree: cut(tree, sizes=(8, 46)), units=2500)
    assert told.units == 2500
    assert told.adjusted_rand == pytest.approx(adjusted_rand(*flat), abs=0.05)
    assert told.cophenetic >= 0.95


def test_the_same_partition_agrees_and_a_drawn_one_does_not() -> None:
    labels = np.repeat(np.arange(10, dtype=np.int32), 30)
    assert adjusted_rand(labels, 9 - labels) == 1
    assert abs(adjusted_rand(labels, np.random.default_rng(0).permutation(labels))) < 0.05
    apart = np.full(300, -1, dtype=np.int32)
    assert adjusted_rand(apart, apart) == 1
    assert adjusted_rand(labels, apart) == 0


def test_a_clustering_of_too_many_units_carries_the_agreement_and_an_exact_one_none() -> None:
    values = families(2400).astype(np.float32)
    samples = Samples(values, np.arange(96, dtype=np.int32) // 8, np.zeros(96, np.int32), {})
    units = UnitSet.of_layers("mlp_act", [0], 2400)
    for exact_units, estimated in ((2400, False), (2399, True)):
        options = BuildOptions(exact_units=exact_units, resamples=1, nulls=1)
        found = build(samples, units, model="m", created="", options=options)
        agreement = found.provenance.agreement
        assert (agreement is not None) == estimated
        if agreement is not None:
            assert agreement.units == 2400
            assert min(agreement.adjusted_rand, agreement.cophenetic) >= 0.9
