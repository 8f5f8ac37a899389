"""A level is drawn where it holds three groups or more; every cluster is."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from llmri_clustering.clusters import Clustering
from llmri_clustering.nesting import Nesting
from llmri_clustering.packing import pack_circles
from llmri_viewer.model.clusters.levels import FEWEST, worth_drawing
from tests.viewer import clusters

MADE = clusters.clustering(layers=2, width=32, clusters=4, quiet=0, below=0)


def nested(parent: list[int], group: list[int], cluster: list[int]) -> Clustering:
    """Return a clustering of which only the groups, and what they hold, mean anything."""
    nesting = Nesting(
        np.array(parent, np.int32), np.array(group, np.int32), np.arange(len(parent), dtype=np.int32)
    )
    return replace(MADE, nesting=nesting, group_cluster=np.array(cluster, np.int32))


def test_two_circles_in_one_are_opened_until_there_are_three() -> None:
    # The root holds levels 1 and 2; these hold clusters 3, 4 and 5, 6. Units stand in 1 and in 3.
    drawn = worth_drawing(nested([-1, 0, 0, 1, 1, 2, 2], [1, 3, -1], [-1, -1, -1, 0, 1, 2, 3]))
    assert drawn.nesting.parent.tolist() == [-1, 0, 0, 0, 0]
    assert drawn.nesting.group.tolist() == [0, 1, -1]
    assert drawn.nesting.node.tolist() == [0, 3, 4, 5, 6]
    assert drawn.group_cluster.tolist() == [-1, 0, 1, 2, 3]


def test_three_circles_in_one_stay() -> None:
    whole = nested([-1, 0, 0, 0, 1, 1, 1], [4, 2, 3], [-1, -1, 0, 1, 2, 3, 4])
    assert worth_drawing(whole).nesting.parent.tolist() == whole.nesting.parent.tolist()


def test_a_chain_of_levels_is_opened_whole_and_what_is_in_a_cluster_stays() -> None:
    drawn = worth_drawing(nested([-1, 0, 1, 2, 3, 4], [5], [-1, -1, -1, 7, -1, -1]))
    assert drawn.nesting.parent.tolist() == [-1, 0, 1, 2]
    assert drawn.group_cluster.tolist() == [-1, 7, -1, -1]


def test_pairs_of_pairs_waste_no_room() -> None:
    made = clusters.clustering()
    before, groups = made.nesting, len(made.nesting.parent)
    # The same groups, two halves in a root of their own.
    halves = 1 + (np.arange(groups) % 2)
    parent = np.concatenate([[-1, 0, 0], np.where(before.parent == 0, halves, before.parent + 2)[1:]])
    paired = replace(
        made,
        nesting=Nesting(
            parent.astype(np.int32),
            np.where(before.group > 0, before.group + 2, before.group).astype(np.int32),
            np.arange(groups + 2, dtype=np.int32),
        ),
        group_cluster=np.concatenate([[-1, -1], made.group_cluster]).astype(np.int32),
    )
    assert density(worth_drawing(paired)) > 1.3 * density(paired)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.floats(0, 1))
def test_every_cluster_and_every_unit_keeps_its_place(seed: int, count: int, share: float) -> None:
    random = np.random.default_rng(seed)
    parent = [-1, *(int(random.integers(group)) for group in range(1, count))]
    cluster = [-1] * count
    for group in range(1, count):  # clusters hold no clusters
        chain, at = [], group
        while at > 0:
            at = parent[at]
            chain.append(at)
        if random.random() < share and all(cluster[above] < 0 for above in chain):
            cluster[group] = group
    whole = nested(parent, random.integers(-1, count, size=30).tolist(), cluster)
    drawn = worth_drawing(whole)
    assert set(drawn.group_cluster.tolist()) == set(cluster)
    for unit, group in enumerate(whole.nesting.group.tolist()):
        assert number_of(drawn, int(drawn.nesting.group[unit])) == number_of(whole, group)
    levels = np.flatnonzero(drawn.group_cluster < 0)
    outside = [at for at in levels.tolist() if number_of(drawn, at) < 0]
    for at in outside:
        held = np.flatnonzero(drawn.nesting.parent == at)
        assert len(held) >= FEWEST or (drawn.group_cluster[held] >= 0).all()


def number_of(clustering: Clustering, group: int) -> int:
    """Return the cluster that a group is or lies in, -1 outside all."""
    while group > 0 and clustering.group_cluster[group] < 0:
        group = int(clustering.nesting.parent[group])
    return int(clustering.group_cluster[group]) if group > 0 else -1


def density(clustering: Clustering) -> float:
    packing = pack_circles(clustering.nesting, padding=0.12)
    return float(np.nansum(packing.units[:, 2] ** 2) / packing.groups[0, 2] ** 2)
