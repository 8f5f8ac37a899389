import os
import pickle
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import MappingProxyType

import msgspec
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from llmri_clustering.build import BuildOptions, build
from llmri_clustering.clusters import Clustering, Effect, Evidence
from llmri_clustering.files import ClusterFileError, load, save
from llmri_clustering.files.record import DIGEST, RECORD, arrays_of, clustering_of, digest, record_of
from llmri_clustering.units import UnitSet
from tests.clustering.planted import blocks, in_turns


@pytest.fixture(scope="module")
def clustering() -> Clustering:
    values, _ = blocks(np.random.default_rng(0), 60, [6, 7, 8], alone=9, correlation=0.7)
    values[:, 4] = 1
    samples = in_turns(values, 12, ("mathematics", "stories"))
    options = BuildOptions(sizes=(3, 9), resamples=1, nulls=1)
    units = UnitSet.of_layers("mlp_act", [1, 4, 7], 10)
    return build(samples, units, model="pocket é", created="2026-01-02T03:04:05Z", options=options)


@pytest.fixture(scope="module")
def saved(clustering: Clustering, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "pocket.clusters"
    save(path, clustering)
    return path


def assert_same(one: object, other: object, where: str = "clustering") -> None:
    """Every field, down to the last, is equal and of the same type."""
    if isinstance(one, np.ndarray):
        assert isinstance(other, np.ndarray)
        assert one.dtype == other.dtype, where
        np.testing.assert_array_equal(one, other, err_msg=where)
    elif is_dataclass(one):
        assert type(one) is type(other), where
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name), f"{where}.{field.name}")
    elif isinstance(one, tuple):
        assert isinstance(other, tuple)
        assert len(one) == len(other), where
        for place, parts in enumerate(zip(one, other, strict=True)):
            assert_same(*parts, f"{where}[{place}]")
    else:
        assert type(one) is type(other), where
        assert one == other, where


def test_what_is_saved_is_loaded_equal_in_every_field(saved: Path, clustering: Clustering) -> None:
    assert len(clustering.clusters) > 2
    assert clustering.clusters[0].tokens
    assert clustering.clusters[0].selectivity
    assert_same(load(saved), clustering)


def test_a_clustering_without_clusters_is_kept_too(clustering: Clustering, tmp_path: Path) -> None:
    empty = replace(
        clustering,
        labels=np.full_like(clustering.labels, -1),
        clusters=(),
        group_cluster=np.full_like(clustering.group_cluster, -1),
    )
    save(tmp_path / "empty", empty)
    assert_same(load(tmp_path / "empty"), empty)


def test_arrays_that_are_not_contiguous_are_kept_in_order(clustering: Clustering, tmp_path: Path) -> None:
    turned = np.asfortranarray(clustering.placement.positions)
    save(tmp_path / "turned", replace(clustering, placement=replace(clustering.placement, positions=turned)))
    np.testing.assert_array_equal(load(tmp_path / "turned").placement.positions, turned)


def test_saving_again_replaces_the_file_and_leaves_nothing_beside_it(
    clustering: Clustering, tmp_path: Path
) -> None:
    path = tmp_path / "pocket.clusters"
    save(path, clustering)
    save(str(path), replace(clustering, provenance=replace(clustering.provenance, model="other")))
    assert load(path).provenance.model == "other"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_earlier_file_as_it_was(
    clustering: Clustering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pocket.clusters"
    save(path, clustering)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ClusterFileError, match="cannot be written: No space left"):
        save(path, replace(clustering, provenance=replace(clustering.provenance, model="other")))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_told(clustering: Clustering, tmp_path: Path) -> None:
    with pytest.raises(ClusterFileError, match="cannot be written: No such file or directory"):
        save(tmp_path / "nowhere" / "file", clustering)


FOREIGN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda good: b"", "no cluster file, or cut short"),
    "a picture": (lambda good: b"\x89PNG\r\n\x1a\n" + bytes(200), "no cluster file"),
    "text": (lambda good: b"once upon a time " * 9, "no cluster file"),
    "json": (lambda good: b'{"units": 3}', "no cluster file"),
    "a pickle": (lambda good: pickle.dumps([1, 2, 3] * 9), "no cluster file"),
    "other tensors": (
        lambda good: safetensors.numpy.save({"weight": np.ones((2, 2), np.float32)}),
        "holds no clusters",
    ),
    "cut short": (lambda good: good[:-1], "no cluster file, or cut short"),
    "longer": (lambda good: good + b"\0", "no cluster file, or cut short"),
    "a changed number": (
        lambda good: good[:-3] + bytes([good[-3] ^ 1]) + good[-2:],
        "damaged: its checksum",
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_that_is_none_is_refused_in_a_sentence(kind: str, saved: Path, tmp_path: Path) -> None:
    make, sentence = FOREIGN[kind]
    (tmp_path / "file").write_bytes(make(saved.read_bytes()))
    with pytest.raises(ClusterFileError, match=sentence) as refusal:
        load(tmp_path / "file")
    assert "\n" not in str(refusal.value)
    assert str(tmp_path / "file") in str(refusal.value)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ClusterFileError, match="nothing cannot be read: there is none"):
        load(tmp_path / "nothing")
    with pytest.raises(ClusterFileError, match="cannot be read: it is no file"):
        load(tmp_path)


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.mkdir, (self.folder,)


def test_nothing_in_a_file_is_ever_run(tmp_path: Path) -> None:
    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    (tmp_path / "trap").write_bytes(trap)
    with pytest.raises(ClusterFileError):
        load(tmp_path / "trap")
    assert not (tmp_path / "sprung").exists()
    pickle.loads(trap)
    assert (tmp_path / "sprung").exists()


def write(path: Path, arrays: Mapping[str, np.typing.NDArray[np.generic]], record: bytes) -> None:
    """A file whose checksum is right, whatever it holds."""
    metadata = {RECORD: record.decode(), DIGEST: digest(record, arrays)}
    safetensors.numpy.save_file(dict(arrays), path, metadata)


def contents(path: Path) -> tuple[dict[str, np.typing.NDArray[np.generic]], dict[str, object]]:
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        return arrays, msgspec.json.decode(file.metadata()[RECORD])


def test_another_version_is_told_by_both_numbers(saved: Path, tmp_path: Path) -> None:
    arrays, record = contents(saved)
    newer = msgspec.json.encode({"format": record["format"], "version": 2, "something": "new"})
    write(tmp_path / "newer", arrays, newer)
    with pytest.raises(ClusterFileError, match="of version 2, this program reads version 1"):
        load(tmp_path / "newer")


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (b"{", "cannot be used"),
        (b'{"format": "llmri clusters", "more": ' + b"[" * 10**5 + b"]" * 10**5, "cannot be used"),
        (b"[]", "its record of clusters is damaged"),
        (b'{"format": "llmri clusters"}', "its record of clusters is damaged"),
        (b'{"format": "recipes", "version": 1}', 'its format is "recipes", expected "llmri clusters"'),
        (b'{"format": "llmri clusters", "version": 1}', "its record of clusters is damaged"),
    ],
)
def test_a_record_that_is_none_is_refused(record: bytes, sentence: str, saved: Path, tmp_path: Path) -> None:
    write(tmp_path / "file", contents(saved)[0], record)
    with pytest.raises(ClusterFileError, match=sentence):
        load(tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("labels", np.zeros(3, np.int32), r"labels has shape \(3,\), expected \(30,\)"),
        ("labels", np.full(30, -2, np.int32), "labels run from -2"),
        ("labels", np.full(30, 99, np.int32), "did not take part is in a cluster"),
        ("labels", np.full(30, -1, np.int32), "clusters disagree with the labels"),
        ("labels", np.zeros(30, np.int64), "lacks labels, or has it in another type or shape"),
        ("labels", np.zeros((), np.int32), "lacks labels, or has it in another type or shape"),
        ("layer", np.zeros((30, 1), np.int32), "lacks layer, or has it in another type or shape"),
        ("layer", np.zeros(30, np.int32), "a unit stands twice"),
        ("index", np.zeros(2, np.int32), "index has shape"),
        ("index", np.arange(-1, 29, dtype=np.int32), "negative layer or index"),
        ("active", np.ones(30, np.bool_), "linkage has shape"),
        ("linkage", np.full((28, 4), np.nan), "not finite"),
        ("linkage", np.full((28, 4), np.inf), "no node and no distance"),
        ("linkage", np.zeros((28, 4)), "joins 0 and 0|joined"),
        ("nesting.parent", np.zeros(4, np.int32), "root"),
        ("nesting.group", np.full(30, 400, np.int32), "nesting.group run"),
        ("nesting.node", np.zeros(1, np.int32), "nesting.node has shape"),
        ("group_cluster", np.full(1, -1, np.int32), "group_cluster has shape"),
        ("positions", np.full((30, 2), np.nan, np.float32), "a position is not finite"),
        ("positions", np.zeros((30, 3), np.float32), "positions has shape"),
        ("cells", np.zeros((30, 2), np.int32), "two units stand in one cell"),
        ("cells", np.full((30, 2), 1000, np.int32), "cells run from 1000 to 1000"),
    ],
)
def test_parts_that_do_not_fit_are_refused_even_where_the_checksum_is_right(
    name: str, wrong: np.typing.NDArray[np.generic], sentence: str, saved: Path, tmp_path: Path
) -> None:
    arrays, record = contents(saved)
    write(tmp_path / "file", {**arrays, name: wrong}, msgspec.json.encode(record))
    with pytest.raises(ClusterFileError, match=sentence):
        load(tmp_path / "file")


def test_a_cluster_that_is_drawn_as_no_group_is_refused(saved: Path, tmp_path: Path) -> None:
    arrays, record = contents(saved)
    write(
        tmp_path / "file",
        {**arrays, "group_cluster": np.full_like(arrays["group_cluster"], -1)},
        msgspec.json.encode(record),
    )
    with pytest.raises(ClusterFileError, match="not all among the groups"):
        load(tmp_path / "file")


def test_a_clustering_that_does_not_fit_together_is_not_saved(clustering: Clustering, tmp_path: Path) -> None:
    with pytest.raises(ClusterFileError, match="is not saved, since it does not fit together: labels"):
        save(tmp_path / "file", replace(clustering, labels=clustering.labels[1:]))
    first, *others = clustering.clusters
    for broken in (
        replace(first, evidence=Evidence(float("nan"), 0, 0)),
        replace(first, selectivity=MappingProxyType({"mathematics": Effect(1, 0, float("inf"))})),
    ):
        with pytest.raises(ClusterFileError, match="does not fit together: a number is not finite"):
            save(tmp_path / "file", replace(clustering, clusters=(broken, *others)))
    assert not list(tmp_path.iterdir())


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_a_cluster_file_error_or_harmless(
    data: st.DataObject, saved: Path, clustering: Clustering, tmp_path: Path
) -> None:
    good = saved.read_bytes()
    header = 8 + int.from_bytes(good[:8], "little")
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(0, 4), "flips")):
        where = data.draw(st.one_of(st.integers(0, header - 1), st.integers(0, len(good) - 1)), "where")
        bad[where] ^= data.draw(st.integers(1, 255), "how")
    if data.draw(st.booleans(), "cut short"):
        bad = bad[: data.draw(st.integers(0, len(good)), "length")]
    path = tmp_path / "damaged"
    path.write_bytes(bad)
    try:
        loaded = load(path)
    except ClusterFileError as refusal:
        assert "\n" not in str(refusal)  # noqa: PT017 - either outcome is right
    else:
        assert_same(loaded, clustering)


def test_the_record_and_the_arrays_are_all_there_is(clustering: Clustering) -> None:
    assert_same(clustering_of(record_of(clustering), arrays_of(clustering)), clustering)
