import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_clustering.layout import align, drift

POINTS = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)


@given(st.floats(0, 7), st.booleans(), st.floats(0.1, 10), st.floats(-5, 5))
def test_turning_mirroring_resizing_and_shifting_are_undone(
    angle: float, mirrored: bool, scale: float, shift: float
) -> None:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (scale * POINTS * [1, -1 if mirrored else 1] @ turn + shift).astype(np.float32)
    np.testing.assert_allclose(align(moved, POINTS), POINTS, atol=1e-3)
    assert drift(POINTS, moved) < 1e-6


def test_unrelated_layouts_drift_almost_entirely() -> None:
    other = np.random.default_rng(1).normal(size=POINTS.shape).astype(np.float32)
    assert drift(POINTS, other) > 0.8


def test_a_layout_in_one_place_is_only_shifted() -> None:
    one_place = np.full_like(POINTS, 3)
    np.testing.assert_allclose(align(one_place, POINTS), np.tile(POINTS.mean(axis=0), (50, 1)), atol=1e-6)
    np.testing.assert_allclose(align(POINTS, one_place).mean(axis=0), [3, 3], atol=1e-5)


def test_layouts_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(50, 2\) and \(49, 2\)"):
        align(POINTS, POINTS[:49])
    with pytest.raises(ValueError, match="twice"):
        drift(POINTS[:, :1], POINTS[:, :1])
