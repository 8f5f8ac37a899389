import numpy as np
import pytest
from scipy.cluster import hierarchy  # type: ignore[import-untyped]

from llmri_clustering.agglomeration.centroids import Centroids
from llmri_clustering.agglomeration.chain import merge_by_chain, similarities
from llmri_clustering.agglomeration.merges import Merges
from llmri_clustering.agglomeration.standardise import standardised


def test_a_cluster_counts_as_many_units_as_it_has() -> None:
    random = np.random.default_rng(0)
    rows = standardised(random.normal(size=(8, 1)) + random.normal(size=(8, 60)))
    whole = hierarchy.linkage(1 - (rows @ rows.T)[np.triu_indices(60, 1)], "average")
    merges = Merges(60)
    clusters = Centroids(rows.copy(), np.ones(60), np.arange(60))
    below = whole[:30]
    left = np.ones(60, dtype=np.bool_)
    place = [*range(60), *[0] * 30]
    for node, (first, second, *_) in enumerate(below.astype(np.intp).tolist(), start=60):
        pair = np.array([place[first]]), np.array([place[second]])
        clusters.merge(*pair, clusters.similarity(*pair), merges)
        left[place[second]] = False
        place[node] = place[first]
    merge_by_chain(clusters[left], merges)
    assert np.allclose(hierarchy.cophenet(merges.linkage()), hierarchy.cophenet(whole), atol=1e-5)


@pytest.mark.parametrize("units", [1, 2, 3])
def test_few_clusters_are_merged_too(units: int) -> None:
    merges = Merges(units)
    rows = standardised(np.random.default_rng(1).normal(size=(8, units)))
    merge_by_chain(Centroids(rows, np.ones(units), np.arange(units)), merges)
    assert merges.linkage()[-1:, 3].tolist() == [units] * (units > 1)


def test_similarities_are_exactly_symmetric() -> None:
    """Otherwise rounding might lead a chain round in a circle."""
    rows = standardised(np.random.default_rng(2).normal(size=(37, 1100)))
    found = similarities(rows)
    assert np.array_equal(found, found.T)
    apart = ~np.eye(1100, dtype=np.bool_)
    assert np.allclose(found[apart], (rows @ rows.T)[apart], atol=1e-6)
    assert (found[~apart] == -np.inf).all()
