"""Nothing is collected for a file that can't be written, and nothing collected is lost."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llmri.cluster import destination, samples_file
from llmri.cluster.collection import Collected
from llmri.cluster.errors import ClusterError
from llmri_clustering.build import BuildOptions, build
from llmri_clustering.clusters import Clustering


@pytest.fixture(scope="module")
def clustering(heard: Collected) -> Clustering:
    options = BuildOptions(sizes=(2, 12), resamples=1, nulls=1)
    return build(heard.samples, heard.units, model="m", created="2026-01-01", options=options)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that stands in for the system's own for temporary files."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(folder))
    return folder


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file grow past 4096 bytes, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_folder_that_is_not_there_is_found_out_at_once(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="No such file or directory"):
        destination.check(tmp_path / "no" / "clusters.llmri")
    with pytest.raises(ClusterError, match="is a folder"):
        destination.check(tmp_path)
    destination.check(tmp_path / "clusters.llmri")
    assert not list(tmp_path.iterdir())


def test_the_file_that_is_replaced_gives_its_numbers(clustering: Clustering, tmp_path: Path) -> None:
    out = tmp_path / "clusters.llmri"
    assert destination.previous(out, None) is None
    destination.keep(clustering, out)
    again = destination.previous(out, None)
    assert again is not None
    assert (again.labels == clustering.labels).all()


def test_a_file_that_is_no_clustering_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("dear diary")
    with pytest.raises(ClusterError, match=r"notes\.txt .*not replaced"):
        destination.previous(tmp_path / "notes.txt", None)
    with pytest.raises(ClusterError, match=r"none\.llmri"):
        destination.previous(tmp_path / "new.llmri", tmp_path / "none.llmri")


def test_where_it_cannot_be_written_it_is_written_elsewhere(
    clustering: Clustering, tmp_path: Path, elsewhere: Path
) -> None:
    gone = tmp_path / "gone" / "clusters.llmri"
    place = destination.keep(clustering, gone)
    assert place.parent == elsewhere
    assert (destination.opened(place).labels == clustering.labels).all()


def test_what_was_collected_is_kept_beside_or_elsewhere(
    heard: Collected, tmp_path: Path, elsewhere: Path
) -> None:
    place = destination.rescue(heard, tmp_path / "c.llmri")
    assert place == tmp_path / "c.llmri.samples"
    assert len(samples_file.load(place).samples) == len(heard.samples)
    assert destination.rescue(heard, tmp_path / "gone" / "c.llmri").parent == elsewhere


def test_what_an_earlier_run_left_is_not_written_over(heard: Collected, tmp_path: Path) -> None:
    places = {destination.rescue(heard, tmp_path / "c.llmri") for _ in range(2)}
    assert len(places) == 2
    assert {place.parent for place in places} == {tmp_path}


def test_a_disk_that_is_full_leaves_nothing_by_half(
    heard: Collected, tmp_path: Path, elsewhere: Path
) -> None:
    with no_room(), pytest.raises(ClusterError, match=r"File too large.*; .*File too large.*TMPDIR"):
        destination.rescue(heard, tmp_path / "c.llmri")
    assert list(tmp_path.iterdir()) == [elsewhere]
    assert not list(elsewhere.iterdir())


def test_numbers_are_not_kept_of_another_model(clustering: Clustering) -> None:
    destination.check_model(None, "any")
    destination.check_model(clustering, "m")
    with pytest.raises(ClusterError, match="of m and the server's model is other; name another file"):
        destination.check_model(clustering, "other")


def test_where_nothing_can_be_written_both_places_are_told(
    heard: Collected, tmp_path: Path, elsewhere: Path
) -> None:
    elsewhere.rmdir()
    with pytest.raises(ClusterError, match=r"gone.*; .*elsewhere"):
        destination.rescue(heard, tmp_path / "gone" / "c.llmri")
