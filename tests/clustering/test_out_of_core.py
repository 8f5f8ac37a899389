"""Samples in files: mapped, read a few units at a time, and never there as a whole."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from llmri_clustering import (
    BuildOptions,
    ClusterFileError,
    Samples,
    StoredSamples,
    UnitSet,
    build,
    linkage_from_samples,
    map_samples,
)
from llmri_clustering.sources import ArraySource, SomeUnits, source_of
from tests.clustering.planted import blocks, in_turns


@pytest.mark.parametrize("suffix", ["npy", "safetensors"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_tree_from_a_mapped_file_is_that_from_memory(
    suffix: str, dtype: type[np.floating], tmp_path: Path
) -> None:
    values = np.ascontiguousarray(blocks(np.random.default_rng(0), 60, [20] * 6)[0].astype(dtype))
    path = tmp_path / f"samples.{suffix}"
    if suffix == "npy":
        np.save(path, values)
    else:
        safetensors.numpy.save_file({"first": np.ones(3), "values": values}, path)
    mapped = map_samples(path)
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(linkage_from_samples(mapped), linkage_from_samples(values))


def test_a_build_reads_a_few_units_at_a_time(tmp_path: Path) -> None:
    units, count = 600, 3000
    np.save(tmp_path / "samples.npy", np.random.default_rng(1).standard_normal((count, units), np.float32))
    asked: list[int] = []

    class Watched(ArraySource):
        def columns(self, units: slice | np.typing.NDArray[np.intp]) -> np.typing.NDArray[np.floating]:
            found = super().columns(units)
            asked.append(found.shape[1])
            return found

    turn = np.arange(count, dtype=np.int32) // 50
    samples = StoredSamples(
        Watched(map_samples(tmp_path / "samples.npy")), turn, np.zeros(count, np.int32), {}
    )
    options = BuildOptions(resamples=2, nulls=1)
    found = build(samples, UnitSet.of_layers("m", [0], units), model="m", created="", options=options)
    assert len(found.labels) == units
    assert max(asked) <= 256


def test_linking_mapped_samples_holds_half_of_them_at_most(tmp_path: Path) -> None:
    values = np.random.default_rng(2).standard_normal((400, 5000))
    np.save(tmp_path / "samples.npy", values)
    mapped = map_samples(tmp_path / "samples.npy")
    linkage_from_samples(mapped[:, :10])
    tracemalloc.start()
    source_of(mapped).columns(slice(0, 256))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < values.nbytes / 10


def test_stored_and_plain_samples_make_the_same_clustering() -> None:
    samples = in_turns(blocks(np.random.default_rng(3), 120, [20] * 4)[0], 12)
    stored = StoredSamples(
        SomeUnits(ArraySource(samples.values), np.arange(80)), samples.turn, samples.token, samples.texts
    )
    units = UnitSet.of_layers("m", [0], 80)
    options = BuildOptions(sizes=(6, 24), resamples=2, nulls=1)
    one, other = (build(each, units, model="m", created="", options=options) for each in (samples, stored))
    assert one.clusters == other.clusters
    np.testing.assert_array_equal(one.linkage, other.linkage)


def test_units_told_to_stay_out_do() -> None:
    samples = in_turns(blocks(np.random.default_rng(3), 120, [20] * 4)[0], 12)
    units = UnitSet.of_layers("m", [0], 80)
    out = np.arange(80) == 7
    options = BuildOptions(sizes=(6, 24), resamples=1, nulls=1)

    def of(told: np.typing.NDArray[np.bool_], given: Samples = samples) -> np.typing.NDArray[np.bool_]:
        return build(given, units, model="m", created="", options=options, not_taking_part=told).active

    assert np.flatnonzero(~of(out)).tolist() == [7]
    with pytest.raises(ValueError, match="79 units are told to stay out or not, expected 80"):
        of(out[1:])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "its header has 0 bytes"),
        (b"\xff" * 200, "its header has"),
        (b"\x10" + b"\0" * 7 + b'{"values": null}', "holds no samples that can be mapped"),
        (b"\x02" + b"\0" * 7 + b"{}", "there is no array 'values'"),
    ],
)
def test_a_file_that_holds_no_samples_is_refused_in_a_sentence(
    content: bytes, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ClusterFileError, match=sentence):
        map_samples(tmp_path / "file")


def test_a_file_cut_short_or_of_other_numbers_is_refused(tmp_path: Path) -> None:
    safetensors.numpy.save_file({"values": np.zeros((20, 30), np.float32)}, tmp_path / "good")
    (tmp_path / "short").write_bytes((tmp_path / "good").read_bytes()[:-1])
    with pytest.raises(ClusterFileError, match="do not hold float32"):
        map_samples(tmp_path / "short")
    np.save(tmp_path / "flat.npy", np.zeros(5))
    with pytest.raises(ClusterFileError, match=r"shape \(5,\), expected floating numbers"):
        map_samples(tmp_path / "flat.npy")
    with pytest.raises(ClusterFileError, match="cannot be read: No such file"):
        map_samples(tmp_path / "none.npy")
