"""Clusters are built in a real process, which nobody waits for and which leaves nothing behind."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest

from llmri_clustering.collecting import Collection
from llmri_clustering.files import load
from llmri_clustering.units import UnitSet
from llmri_look.keys.bindings import Bindings
from llmri_viewer.cluster_job.job_spec import Task
from llmri_viewer.commands.clusters import Rebuild, ShowView
from llmri_viewer.commands.effects import BuildClusters
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.options import Options
from tests.viewer import clusters
from tests.viewer.conftest import Desk
from tests.viewer.synthetic import SyntheticServer

LAYERS, WIDTH = 3, 32
PATIENCE = 60  # seconds, for a process on a slow machine


@pytest.fixture
def server() -> Iterator[SyntheticServer]:
    with SyntheticServer(layers=LAYERS, hidden=16, mlp=WIDTH) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder for temporary files, empty, which is the working folder too."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def full(desk: Desk, folder: Path) -> Desk:
    """A desk with samples enough."""
    desk.play("wait:connected")
    for number in range(6):
        desk.server.story = tuple(f" {number}-{word}" for word in range(45))
        desk.play('say:"Go on." wait:turn_end')
    assert desk.state.clusters.gathered.enough
    return desk


def until(desk: Desk, met: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < limit, (desk.state.clusters.job, desk.state.overlays.notice)
        desk.window.frame()
        time.sleep(0.005)


def working(desk: Desk) -> int:
    """Wait for the worker's first word, and give its process."""
    until(desk, lambda: desk.session.cluster_builder.pid is not None)
    pid = desk.session.cluster_builder.pid
    assert pid is not None
    assert psutil.pid_exists(pid)
    return pid


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_o_builds_clusters_with_progress_and_shows_them(full: Desk, folder: Path) -> None:
    full.play("o")
    assert full.state.clusters.job is not None
    steps = []
    while full.state.clusters.job is not None:
        steps.append(full.state.clusters.job)
        until(full, lambda: full.state.clusters.job != steps[-1])
    shares = [step.done / max(1, step.of) for step in steps]
    assert shares == sorted(shares)
    assert len({step.step for step in steps}) >= 4
    atlas = full.state.atlas
    assert atlas is not None
    assert len(atlas.clustering.units) == LAYERS * WIDTH
    assert atlas.layers == tuple(range(LAYERS))
    assert atlas.clustering.provenance.samples == full.state.clusters.gathered.samples
    assert "scans of 6 turns" in full.state.overlays.notice
    np.testing.assert_array_equal(atlas.packing.units, Atlas.of(atlas.whole).packing.units)
    assert list(folder.iterdir()) == []


def test_before_there_are_samples_enough_o_says_how_many_there_are(desk: Desk) -> None:
    desk.play('wait:connected say:"Hello." wait:turn_end o')
    assert desk.state.clusters.job is None
    texts = " ".join(text.text for text in desk.window.canvas.written)
    assert f"{desk.state.clusters.gathered.needed} scans of mlp_act" in texts
    assert str(desk.state.clusters.gathered.samples) in texts
    desk.play("shift+o")
    assert desk.state.overlays.notice.startswith("clusters need 200 scans of mlp_act; there are ")


@pytest.mark.parametrize("key", ["escape", "shift+o", "shift+l"])
def test_a_building_is_stopped_by_a_key_and_begun_again(full: Desk, folder: Path, key: str) -> None:
    full.play("o")
    pid = working(full)
    full.play(key)
    assert full.state.clusters.job is None
    assert full.state.pane.view == "circles"
    until(full, lambda: gone(pid) and not list(folder.iterdir()))
    assert full.state.atlas is None
    full.play("shift+o wait:clusters")
    assert full.state.atlas is not None


def test_the_shown_layer_alone_can_be_built(full: Desk) -> None:
    full.play("down o escape shift+l wait:clusters")
    assert full.state.atlas is not None
    assert full.state.atlas.layers == (full.state.pane.layer,)
    assert len(full.state.atlas.clustering.units) == WIDTH


def test_a_worker_that_is_killed_gives_a_notice_and_the_viewer_lives_on(full: Desk, folder: Path) -> None:
    full.play("o")
    os.kill(working(full), signal.SIGKILL)
    until(full, lambda: full.state.clusters.job is None)
    assert full.state.overlays.notice == (
        "building clusters failed: its process was killed by signal 9, perhaps for want of memory"
    )
    assert full.state.overlays.warning
    until(full, lambda: not list(folder.iterdir()))
    full.play("shift+o wait:clusters")


def test_a_full_disk_gives_a_notice(full: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_task: Task, _folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Task, "write", fails)
    full.play("o")
    until(full, lambda: full.state.clusters.job is None)
    assert full.state.overlays.notice == "building clusters failed: [Errno 28] No space left on device"


FAILING = """
import sys
from pathlib import Path
from llmri_viewer.cluster_job import worker
def fails(_folder):
    raise {error}
worker.read = fails
worker.main(Path("."))
"""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("MemoryError", b'{"type":"failed","why":"there is not enough memory"}\n'),
        ("ValueError('there are 3 samples')", b'{"type":"failed","why":"there are 3 samples"}\n'),
    ],
)
def test_a_worker_says_why_nothing_comes_of_it(error: str, told: bytes, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FAILING.format(error=error)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.read() == told


def test_a_crash_is_told_by_its_last_line(full: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Task.write

    def spoilt(task: Task, folder: Path) -> None:
        write(task, folder)
        (folder / "order.json").write_text("{}")

    monkeypatch.setattr(Task, "write", spoilt)
    full.play("o")
    until(full, lambda: full.state.clusters.job is None)
    assert "Object missing required field `what`" in full.state.overlays.notice


def test_closing_the_window_in_the_middle_leaves_no_process_and_no_file(full: Desk, folder: Path) -> None:
    full.play("o")
    pid = working(full)
    assert list(folder.iterdir())
    full.session.close()
    assert gone(pid)
    assert not list(folder.iterdir())


def test_closing_while_samples_are_handed_over_does_not_wait_for_all_of_them(tmp_path: Path) -> None:
    units = UnitSet.of_layers("mlp_act", range(2), 4)
    collection = Collection(units, left_out=np.zeros(8, bool), keep=100)
    collection.transcript.begin(1)
    for token in range(1, 100):
        collection.scan(1, token, np.full(8, token, np.float32))
    task = Task("clusters", "model", collection, np.arange(8))
    task.abandon()
    task.write(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 0


VIEWER = """
import sys, time
from pathlib import Path
import numpy as np
from llmri_clustering.collecting import Collection
from llmri_clustering.units import UnitSet
from llmri_viewer.cluster_job.job_spec import Task
from llmri_viewer.cluster_job.process import WorkerProcess
units = UnitSet.of_layers("mlp_act", range(4), 256)
collection = Collection(units, left_out=np.zeros(1024, bool), keep=1000)
collection.transcript.begin(1)
rng = np.random.default_rng(0)
for token in range(1, 1000):
    collection.scan(1, token, rng.normal(size=1024).astype(np.float32))
process = WorkerProcess(Task("clusters", "model", collection, np.arange(1024)))
while process.pid is None:
    time.sleep(0.01)
process.news.get()
print(process.pid, flush=True)
time.sleep(60)
"""


def test_a_viewer_that_is_killed_takes_its_worker_along(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", VIEWER], stdout=subprocess.PIPE, env=os.environ | {"TMPDIR": str(tmp_path)}
    ) as viewer:
        assert viewer.stdout is not None
        pid = int(viewer.stdout.readline())
        assert list(tmp_path.iterdir())
        viewer.kill()
    limit = time.monotonic() + PATIENCE
    while not gone(pid) or list(tmp_path.iterdir()):
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_clusters_are_saved_under_the_time_and_can_be_opened(full: Desk, folder: Path) -> None:
    full.play("o wait:clusters shift+s")
    until(full, lambda: full.state.overlays.notice.startswith("saved "))
    (file,) = folder.glob("clusters-*.llmri")
    assert full.state.overlays.notice == f"saved {file.name}: llmri view --clusters {file.name} shows it"
    assert full.state.atlas is not None
    saved, built = load(file), full.state.atlas.whole
    np.testing.assert_array_equal(saved.labels, built.labels)
    np.testing.assert_array_equal(saved.nesting.parent, built.nesting.parent)


def test_clusters_that_are_ready_leave_the_grid_as_it_is(full: Desk) -> None:
    full.play("o o + + up")
    seen = (full.state.pane.view, full.state.pane.camera, full.state.pane.layer)
    assert seen[1] is not None
    full.play("wait:clusters")
    assert (full.state.pane.view, full.state.pane.camera, full.state.pane.layer) == seen


def test_a_disk_that_takes_no_clusters_gives_a_notice(full: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    full.play("o wait:clusters")
    monkeypatch.setattr(full.session.cluster_builder, "_folder", Path("/proc/none"))
    full.play("shift+s")
    until(full, lambda: "not saved" in full.state.overlays.notice)
    assert full.state.overlays.warning


def test_numbers_and_colours_of_clusters_stay_over_a_rebuild(full: Desk) -> None:
    full.play("o wait:clusters")
    before = full.state.atlas
    full.play("shift+o wait:clusters")
    after = full.state.atlas
    assert before is not None
    assert after is not None
    assert after is not before
    np.testing.assert_array_equal(after.clustering.labels, before.clustering.labels)


def test_another_server_ends_the_building(full: Desk) -> None:
    full.play("o")
    pid = working(full)
    port = full.server.port
    full.server.close()
    with SyntheticServer(layers=2, hidden=8, mlp=16, session="two", port=port):
        until(full, lambda: full.session.tally.welcomes == 2)
        assert full.state.clusters.job is None
        assert "the server began anew" in full.state.overlays.notice
        until(full, lambda: gone(pid))
        assert full.state.clusters.gathered.samples == 0


def test_clusters_of_a_file_get_their_correlations_from_what_is_seen(
    server: SyntheticServer, table: Bindings, folder: Path
) -> None:
    made = Atlas.of(clusters.clustering(layers=LAYERS, width=WIDTH, clusters=6, quiet=2, below=1))
    desk = Desk(server, Options(), table, made)
    desk.play("wait:connected h shift+h")
    assert desk.state.overlays.notice == "lines of correlation need 200 scans of mlp_act; there are 0"
    assert not desk.state.look.edges
    for number in range(6):
        desk.server.story = tuple(f" {number}-{word}" for word in range(45))
        desk.play('say:"Go on." wait:turn_end')
    desk.play("shift+h")
    until(desk, lambda: desk.state.clusters.partners is not None)
    assert desk.state.atlas is made
    assert any("strongest correlations, |r| " in text.text for text in desk.window.canvas.written)
    desk.close()


def test_too_many_units_are_built_a_layer_at_a_time_and_that_is_said(table: Bindings, folder: Path) -> None:
    with SyntheticServer(layers=9, hidden=8, mlp=1024) as large:
        desk = Desk(large, Options(), table)
        desk.play('wait:connected say:"Hello." wait:turn_end o')
        assert desk.state.clusters.gathered.layers == (desk.state.pane.layer,)
        texts = " ".join(text.text for text in desk.window.canvas.written)
        assert "all 9 layers together are too many units" in texts
        desk.close()


def test_commands_ask_for_a_building_only_where_it_can_be(full: Desk) -> None:
    store, state = full.session.store, full.state
    assert ShowView("circles").apply(state, store).effects == (BuildClusters(),)
    assert Rebuild(alone=True).apply(state, store).effects == (BuildClusters((state.pane.layer,)),)
