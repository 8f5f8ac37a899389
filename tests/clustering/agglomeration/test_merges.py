import numpy as np
from scipy.cluster import hierarchy  # type: ignore[import-untyped]

from llmri_clustering.agglomeration.merges import Merges


def test_merges_come_by_height_and_the_lesser_node_first() -> None:
    merges = Merges(5)
    high, low = merges.add([3, 1], [0, 2], np.array([0.5, 0.25])).tolist()
    (around,) = merges.add([high], [4], np.array([0.75])).tolist()
    merges.add([around], [low], np.array([1.0]))
    assert merges.linkage().tolist() == [[1, 2, 0.25, 2], [0, 3, 0.5, 2], [4, 6, 0.75, 3], [5, 7, 1, 5]]


def test_a_height_below_its_childs_is_rounding() -> None:
    merges = Merges(4)
    (pair,) = merges.add([0], [1], np.array([0.5])).tolist()
    (triple,) = merges.add([pair], [2], np.array([0.5 - 1e-7])).tolist()
    merges.add([triple], [3], np.array([0.5 - 2e-7]))
    tree = merges.linkage()
    assert hierarchy.is_valid_linkage(tree)
    assert tree[:, 2].tolist() == [0.5, 0.5, 0.5]
    assert tree[:, 3].tolist() == [2, 3, 4]


def test_one_unit_has_no_merges() -> None:
    assert Merges(1).linkage().shape == (0, 4)
