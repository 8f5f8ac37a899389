"""What E writes: every view's numbers, read back as they were shown; and nothing half-written, ever."""

import csv
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
import pygame
import pytest
from PIL import Image

from llmri_look.keys.bindings import Bindings
from llmri_protocol.messages import (
    Candidate,
    Compare,
    ComparedToken,
    Comparison,
    Influence,
    LogitLens,
    MeasureInfluence,
    ReadLens,
)
from llmri_protocol.structs import LensLayer
from llmri_viewer.files import export as files_export
from llmri_viewer.files import writing
from llmri_viewer.files.film import FilmFrame
from llmri_viewer.files.writing import free, whole
from llmri_viewer.model.measured.measuring import Asked, Measurements
from llmri_viewer.model.options import Options
from llmri_viewer.views import picture_of, table_of
from llmri_viewer.views.values.influence_map import influence_map
from tests.viewer.conftest import STORY_TOLD, Desk
from tests.viewer.synthetic import SyntheticServer


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def spoken(server: SyntheticServer, table: Bindings) -> Iterator[Desk]:
    """A desk that writes CSV, after one turn."""
    desk = Desk(server, Options(export="csv"), table)
    desk.play(STORY_TOLD + "click:unit=127")
    yield desk
    desk.close()


def export(desk: Desk) -> None:
    desk.play("e")
    desk.window.effect_runner.finish()


def only(folder: Path, suffix: str) -> Path:
    (found,) = folder.glob(f"*{suffix}")
    return found


def test_an_npz_holds_the_shown_values_and_where_they_are_from(told: Desk, folder: Path) -> None:
    told.play('add:unit=3 x wait:edits say:"And another." wait:turn_end')
    told.play("\\ wait:edits home shift+right")
    picture = picture_of(told.state, told.session.store)
    export(told)
    assert picture is not None
    with np.load(only(folder, ".npz")) as read:
        np.testing.assert_array_equal(read["value"], picture.values)
        np.testing.assert_array_equal(read["unit"], np.arange(512))
        assert set(read["layer"].tolist()) == {4}
        assert np.flatnonzero(read["selected"]).tolist() == [3, 127]
        assert (read["edit"][3], read["edit"][4]) == ("scale 0", "")
        facts = {name: read[name].item() for name in ("model", "site", "turn", "token", "view")}
        assert facts == {"model": "pocket", "site": "mlp_act", "turn": 2, "token": 38, "view": "grid"}
        (edit,) = json.loads(read["edits"].item())
        assert (edit["units"], edit["value"]) == ([3, 127], 0.0)
        assert (read["edit_now"][3], json.loads(read["edits_now"].item())) == ("", [])
        scale = json.loads(read["scale"].item())
        assert (scale["low"], scale["high"]) == (picture.scale.low, picture.scale.high)
    assert Image.open(only(folder, ".png")).size == told.state.window.size
    assert (
        told.state.overlays.notice
        == f"exported {only(folder, '.npz').name}, 512 rows, and {only(folder, '.png').name}"
    )


def test_a_csv_holds_the_same_a_unit_a_row(spoken: Desk, folder: Path) -> None:
    picture = picture_of(spoken.state, spoken.session.store)
    export(spoken)
    with only(folder, ".csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert picture is not None
    np.testing.assert_array_equal([np.float32(row["value"]) for row in rows], picture.values)
    assert [int(row["unit"]) for row in rows] == list(range(512))
    assert {(row["model"], row["site"], row["turn"], row["layer"]) for row in rows} == {
        ("pocket", "mlp_act", "1", "4")
    }
    assert [row["unit"] for row in rows if row["selected"] == "True"] == ["127"]


def test_the_change_is_exported_where_the_change_is_shown(told: Desk) -> None:
    told.play("d")
    picture, table = picture_of(told.state, told.session.store), table_of(told.state, told.session.store)
    assert picture is not None
    assert table is not None
    np.testing.assert_array_equal(table.columns["value"], picture.values)
    assert table.facts["difference"] is True


def test_clusters_come_with_their_places_and_numbers(clustered: Desk) -> None:
    atlas = clustered.state.atlas
    circles = table_of(clustered.state, clustered.session.store)
    clustered.play("h")
    layout = table_of(clustered.state, clustered.session.store)
    assert atlas is not None
    assert circles is not None
    assert layout is not None
    np.testing.assert_array_equal(circles.columns["cluster"], atlas.clustering.labels)
    np.testing.assert_array_equal(circles.columns["radius"], atlas.packing.units[:, 2])
    cells = np.stack([layout.columns["row"], layout.columns["column"]], axis=1)
    np.testing.assert_array_equal(cells, atlas.clustering.placement.cells)
    np.testing.assert_array_equal(circles.columns["layer"], atlas.clustering.units.layer)


def test_all_layers_are_exported_layer_after_layer(told: Desk) -> None:
    told.play("a")
    table = table_of(told.state, told.session.store)
    sheet = told.session.store.scan(told.state.time.at, "mlp_act")
    assert table is not None
    assert sheet is not None
    np.testing.assert_array_equal(table.columns["value"].reshape(8, 512), sheet.rows)
    assert table.columns["layer"].reshape(8, 512)[5, 7] == 5


@pytest.mark.parametrize(("keys", "columns"), [("f", 2), ("f shift+f", 2), ("f shift+f shift+f", 3)])
def test_a_spectrum_is_exported_by_frequency(told: Desk, keys: str, columns: int) -> None:
    told.play(keys)
    table = table_of(told.state, told.session.store)
    assert table is not None
    assert len(table.columns) == columns
    assert (np.asarray(table.columns["frequency"]) > 0).all()
    assert (np.asarray(table.columns["amplitude"]) >= 0).all()


def test_the_candidates_and_the_lens_are_exported_in_their_order(told: Desk) -> None:
    told.play("left k")
    at, store = told.state.time.at, told.session.store
    assert at is not None
    came = store.turns[1].tokens[at.token + 1]
    table = table_of(told.state, store)
    assert table is not None
    next_ones = table.columns["layer"] == -1  # the server may have answered for the layers already
    assert table.columns["candidate"][next_ones].tolist() == [each.text for each in came.top]
    assert table.columns["candidate"][next_ones & table.columns["chosen"]].tolist() == [came.text]
    top = (Candidate(id=1, text="x", logprob=-1.0),)
    layers = tuple(LensLayer(layer=layer, top=top, entropy=1.0, kl=0.5) for layer in range(8))
    lens = LogitLens(id=1, turn=1, token=at.token, positions=9, came=None, layers=layers, seconds=0.1)
    answered(told, lens)
    longer = table_of(told.state, store)
    assert longer is not None
    assert longer.columns["layer"].tolist() == [-1] * len(came.top) + list(range(8))


def test_a_comparison_is_exported_a_token_a_row(told: Desk) -> None:
    plain = tuple(ComparedToken(id=n, text=text, logprob=-1.0) for n, text in enumerate((" a", " b", " c")))
    answered(told, Comparison(
        id=1, prompt="hi", plain=plain, edited=plain[:2], plain_text=" a b c", edited_text=" a b",
        first_difference=2, kl=(0.0, 0.5, 1.0), seconds=1.0,
    ))  # fmt: skip
    told.session.state = replace(told.state, pane=replace(told.state.pane, view="compare"))
    table = table_of(told.state, told.session.store)
    assert table is not None
    assert table.columns["plain"].tolist() == [" a", " b", " c"]
    assert table.columns["edited"].tolist() == [" a", " b", ""]
    assert table.columns["kl"].tolist() == [0.0, 0.5, 1.0]


def test_a_measured_influence_is_exported_a_unit_a_row(told: Desk) -> None:
    changes = np.arange(3 * 512, dtype="<f4")
    answered(told, Influence(
        id=1, site="mlp_act", layers=(5, 6, 7), shape=(3, 512), positions=9, kl=0.25, gains=(), losses=(),
        seconds=1.0, data=changes.tobytes(),
    ))  # fmt: skip
    told.session.state = replace(told.state, pane=replace(told.state.pane, view="influence"))
    table = table_of(told.state, told.session.store)
    assert table is not None
    np.testing.assert_array_equal(table.columns["change"], changes)
    assert (table.columns["layer"][600], table.columns["unit"][600], table.facts["kl"]) == (6, 88, 0.25)


def test_co_activation_is_exported_where_nothing_was_measured(told: Desk) -> None:
    told.session.state = replace(told.state, pane=replace(told.state.pane, view="influence"))
    table, shown = table_of(told.state, told.session.store), influence_map(told.state, told.session.store)
    assert table is not None
    assert shown is not None
    assert not shown.causal
    np.testing.assert_array_equal(table.columns["correlation"], shown.rows.reshape(-1))


def test_an_influence_map_of_nothing_has_no_numbers(told: Desk) -> None:
    told.session.state = replace(
        told.state,
        pane=replace(told.state.pane, view="influence"),
        selection=replace(told.state.selection, units=frozenset()),
    )
    assert table_of(told.state, told.session.store) is None


def answered(desk: Desk, answer: Comparison | Influence | LogitLens) -> None:
    edits = desk.state.editing.standing.edits
    request = {Comparison: Compare(id=1), LogitLens: ReadLens(id=1, turn=1, token=1)}.get(
        type(answer), MeasureInfluence(id=1, edits=(), site="mlp_act")
    )
    asked = Measurements().asked(Asked(request, desk.state.time.at, edits), 1)
    desk.session.state = replace(desk.state, measurements=asked.received(answer))


def test_a_view_without_numbers_gives_the_picture_alone_and_says_so(desk: Desk, folder: Path) -> None:
    desk.play("wait:connected")
    export(desk)
    assert [path.suffix for path in folder.iterdir()] == [".png"]
    assert "no numbers" in desk.state.overlays.notice


def test_files_are_written_beside_the_loop_and_the_end_is_told(
    told: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, write = threading.Event(), files_export.write_picture

    def slowly(shot: FilmFrame, file: IO[bytes]) -> None:
        assert slow.wait(20)
        write(shot, file)

    monkeypatch.setattr(files_export, "write_picture", slowly)
    told.play("e down")
    assert told.state.pane.layer == 5, "the window goes on meanwhile"
    assert not list(folder.glob("*.png"))
    told.play("e")
    assert told.state.overlays.notice == "exporting what is shown …"
    slow.set()
    told.window.effect_runner.finish()
    assert told.state.overlays.notice.startswith("exported llmri-")
    with Image.open(sorted(folder.glob("*.png"))[0]) as picture:
        assert picture.size == told.state.window.size
    assert len(list(folder.glob("*.npz"))) == 2


def test_an_export_that_memory_has_no_room_for_is_a_notice(
    told: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_shot: FilmFrame, _file: IO[bytes]) -> None:
        raise MemoryError

    monkeypatch.setattr(files_export, "write_picture", fails)
    export(told)
    assert told.state.overlays.notice == "what is shown cannot be exported: there is not enough memory"
    assert told.state.overlays.warning
    assert list(folder.iterdir()) == []


def test_a_picture_is_exported_pixel_for_pixel(told: Desk, folder: Path) -> None:
    told.window.draw()
    seen = pygame.surfarray.array3d(told.window.canvas.surface).swapaxes(0, 1).copy()
    export(told)
    with Image.open(only(folder, ".png")) as picture:
        np.testing.assert_array_equal(np.asarray(picture)[:100], seen[:100])


def test_no_file_is_ever_written_over(told: Desk, folder: Path) -> None:
    for _ in range(3):
        export(told)
    assert len(list(folder.glob("*.npz"))) == len(list(folder.glob("*.png"))) == 3
    (folder / "name.png").touch()
    assert free(Path("name"), ".npz", ".png") == Path("name-2")


class FullDisk:
    """A file on a full disk: the first bytes fit."""

    def __init__(self, file: object) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


def test_numbers_do_not_stay_where_their_picture_has_no_room(
    told: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def without_room(self: Path, mode: str = "r") -> object:
        if ".png" in self.name:
            raise OSError(28, "No space left on device")
        return opened(self, mode)

    monkeypatch.setattr(Path, "open", without_room)
    export(told)
    assert list(folder.iterdir()) == []
    assert told.state.overlays.notice == "what is shown cannot be exported: no space left on device"


@pytest.mark.parametrize("keys", ["e", "s", "r sleep:0.3 r"])
def test_a_full_disk_is_a_notice_and_nothing_stays(
    told: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch, keys: str
) -> None:
    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, mode="r", **more: FullDisk(opened(self, mode, **more)), raising=True
    )
    monkeypatch.setattr(FullDisk, "__enter__", lambda self: self, raising=False)
    monkeypatch.setattr(FullDisk, "__exit__", lambda self, *why: self._file.close(), raising=False)
    told.play(keys)
    told.window.effect_runner.finish()
    assert "no space left on device" in told.state.overlays.notice
    assert told.state.overlays.warning
    assert list(folder.iterdir()) == []
    told.play("down")
    assert told.state.pane.layer == 5


@pytest.mark.parametrize("keys", ["e", "s", "r sleep:0.3 r"])
def test_a_missing_folder_is_a_notice_and_the_viewer_lives_on(told: Desk, folder: Path, keys: str) -> None:
    folder.rmdir()
    told.play(keys)
    told.window.effect_runner.finish()
    assert told.state.overlays.warning
    assert "no such file or directory" in told.state.overlays.notice
    told.play("down")
    assert told.state.pane.layer == 5


def test_what_fails_half_way_leaves_the_old_file_as_it_was(folder: Path) -> None:
    path = folder / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), whole(path) as file:
        file.write(b"half of the new" * (1 // 0))
    assert (path.read_text(), len(list(folder.iterdir()))) == ("old", 1)
    with whole(path) as file:
        file.write(b"new")
    assert (path.read_text(), len(list(folder.iterdir()))) == ("new", 1)
    assert writing.reason(OSError(13, "Permission denied")) == "permission denied"
