import numpy as np

from llmri_clustering.evidence import Standard
from tests.clustering.planted import noise


def test_z_scores_are_those_of_the_population() -> None:
    values = 3 * noise(np.random.default_rng(0), 40, 5) + 7
    expected = (values - values.mean(axis=0)) / values.std(axis=0)
    np.testing.assert_allclose(Standard.of(values).z(values), expected, atol=1e-5)


def test_a_constant_unit_is_0_even_where_its_mean_is_rounded() -> None:
    values = np.full((7, 2), 0.1, dtype=np.float32)
    values[:, 1] = np.arange(7)
    assert (Standard.of(values).z(values)[:, 0] == 0).all()


def test_other_samples_are_measured_by_the_same_scale() -> None:
    standard = Standard.of(np.array([[0.0], [2.0]], dtype=np.float32))
    assert standard.z(np.array([[5.0]], dtype=np.float32)).tolist() == [[4.0]]
