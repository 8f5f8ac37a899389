import numpy as np

from llmri_clustering.evidence import activity, turn_means
from tests.clustering.planted import noise


def test_activity_is_the_mean_magnitude_over_a_clusters_units() -> None:
    z = noise(np.random.default_rng(0), 12, 9)
    labels = np.array([3, -1, 8, 8, 3, -1, 8, 3, 3], dtype=np.int32)
    expected = [np.abs(z[:, labels == number]).mean(axis=1) for number in (3, 8)]
    np.testing.assert_allclose(activity(z, labels), np.stack(expected, axis=1), atol=1e-6)


def test_no_cluster_is_no_column() -> None:
    assert activity(np.ones((4, 2), np.float32), np.full(2, -1, np.int32)).shape == (4, 0)


def test_turns_are_averaged_over_their_own_samples() -> None:
    turns, means = turn_means(np.array([[1.0], [5.0], [3.0]]), np.array([9, 2, 9], dtype=np.int32))
    assert turns.tolist() == [2, 9]
    assert means.tolist() == [[5.0], [2.0]]
