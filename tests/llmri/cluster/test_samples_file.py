"""What was collected survives in a file, and a file that is none is told."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from llmri.cluster import samples_file
from llmri.cluster.collected import Collected
from llmri.cluster.errors import ClusterError


def test_everything_comes_back(heard: Collected, tmp_path: Path) -> None:
    samples_file.save(tmp_path / "s", heard)
    again = samples_file.load(tmp_path / "s")
    np.testing.assert_array_equal(again.samples.values, heard.samples.values)
    np.testing.assert_array_equal(again.samples.turn, heard.samples.turn)
    np.testing.assert_array_equal(again.samples.token, heard.samples.token)
    np.testing.assert_array_equal(again.units.layer, heard.units.layer)
    np.testing.assert_array_equal(again.correlation.correlation(), heard.correlation.correlation())
    np.testing.assert_array_equal(again.correlation.left_out, heard.correlation.left_out)
    assert again.samples.texts == heard.samples.texts
    assert (again.model, again.units.site) == (heard.model, heard.units.site)
    assert (again.left_out, again.warnings) == (heard.left_out, heard.warnings)


@pytest.mark.parametrize("length", [0, 7, 200, 5000])
def test_a_file_cut_short_is_told(heard: Collected, tmp_path: Path, length: int) -> None:
    samples_file.save(tmp_path / "s", heard)
    (tmp_path / "s").write_bytes((tmp_path / "s").read_bytes()[:length])
    with pytest.raises(ClusterError, match="holds no samples"):
        samples_file.load(tmp_path / "s")


def test_a_foreign_file_is_told(tmp_path: Path) -> None:
    save_file({"x": np.zeros(3)}, tmp_path / "weights")
    with pytest.raises(ClusterError, match="expected 'llmri samples 1'"):
        samples_file.load(tmp_path / "weights")
    with pytest.raises(ClusterError, match=r"cannot read|holds no"):
        samples_file.load(tmp_path / "nothing")
    with pytest.raises(ClusterError, match=r"cannot read|holds no"):
        samples_file.load(tmp_path)
