"""What was collected survives in a file, and a file that is none is told."""

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from llmri.cluster import samples_file
from llmri.cluster.collection import Collected
from llmri.cluster.errors import ClusterError


def test_everything_comes_back(heard: Collected, tmp_path: Path) -> None:
    samples_file.save(tmp_path / "s", heard)
    again = samples_file.load(tmp_path / "s")
    np.testing.assert_array_equal(again.samples.values, heard.samples.values)
    np.testing.assert_array_equal(again.samples.turn, heard.samples.turn)
    np.testing.assert_array_equal(again.samples.token, heard.samples.token)
    np.testing.assert_array_equal(again.units.layer, heard.units.layer)
    assert again.correlation is not None
    assert heard.correlation is not None
    np.testing.assert_array_equal(again.correlation.correlation(), heard.correlation.correlation())
    np.testing.assert_array_equal(again.correlation.left_out, heard.correlation.left_out)
    np.testing.assert_array_equal(again.protected, heard.protected)
    assert again.samples.texts == heard.samples.texts
    assert (again.model, again.units.site) == (heard.model, heard.units.site)
    assert (again.left_out, again.warnings) == (heard.left_out, heard.warnings)


def test_samples_are_mapped_and_not_read(heard: Collected, tmp_path: Path) -> None:
    samples_file.save(tmp_path / "s", heard)
    values: object = samples_file.load(tmp_path / "s").samples.values
    while isinstance(values, np.ndarray) and not isinstance(values, np.memmap):
        values = values.base
    assert isinstance(values, np.memmap)


def test_without_a_correlation_the_protected_units_are_kept_all_the_same(
    heard: Collected, tmp_path: Path
) -> None:
    protected = np.arange(len(heard.units)) == 3
    samples_file.save(tmp_path / "s", replace(heard, correlation=None, protected=protected))
    again = samples_file.load(tmp_path / "s")
    assert again.correlation is None
    np.testing.assert_array_equal(again.protected, protected)


def test_a_file_of_an_earlier_version_has_its_protected_units_in_the_correlation(
    heard: Collected, tmp_path: Path
) -> None:
    samples_file.save(tmp_path / "s", heard)
    with safe_open(tmp_path / "s", framework="numpy") as file:
        words = file.metadata()
        arrays = {name: file.get_tensor(name) for name in file.keys() if name != "protected"}  # noqa: SIM118
    save_file(arrays, tmp_path / "earlier", words)
    np.testing.assert_array_equal(samples_file.load(tmp_path / "earlier").protected, heard.protected)


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
    with pytest.raises(ClusterError, match="there is none"):
        samples_file.load(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe")  # to open it would wait for ever
    for no_file in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ClusterError, match="it is no file"):
            samples_file.load(no_file)


def test_a_damaged_file_is_told_or_read(heard: Collected, tmp_path: Path) -> None:
    samples_file.save(tmp_path / "s", heard)
    whole = (tmp_path / "s").read_bytes()
    random = np.random.default_rng(0)
    for place in [*range(0, 2000, 23), *random.integers(len(whole), size=100).tolist()]:
        broken = bytearray(whole)
        broken[place] ^= 1 << int(random.integers(8))
        (tmp_path / "s").write_bytes(broken)
        with suppress(ClusterError):
            assert samples_file.load(tmp_path / "s").samples.values.dtype == np.float32
