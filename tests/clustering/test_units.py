import numpy as np

from llmri_clustering.units import UnitSet


def test_columns_follow_a_scan_flattened_layer_by_layer() -> None:
    scan = np.arange(3 * 4).reshape(3, 4)
    units = UnitSet.of_layers("mlp_act", [2, 5, 7], 4)
    assert len(units) == scan.size
    for column, value in enumerate(scan.ravel()):
        row = [2, 5, 7].index(units.layer[column])
        assert scan[row, units.index[column]] == value


def test_units_are_found_among_places() -> None:
    units = UnitSet.of_layers("mlp_act", (2, 5), 3)
    assert np.flatnonzero(units.among({(5, 0), (2, 2), (3, 1)})).tolist() == [2, 3]
    assert not units.among(()).any()
