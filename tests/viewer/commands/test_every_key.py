"""Every key and gesture of the table, in every mode, pressed through pygame's own event queue.

A desk is opened for each mode. Before each key its state is put back to what the mode begins with.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pygame
import pytest

from llmri_look.keys import bindings
from llmri_look.keys.bindings import GESTURE_KEYS, ON_ITS_OWN
from llmri_look.view_names import Mode
from llmri_protocol.messages import (
    Chat,
    ClearInterventions,
    Compare,
    Intervene,
    MeasureInfluence,
    Redo,
    RePrefill,
    Undo,
)
from llmri_protocol.messages import Command as Request
from llmri_viewer import views
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.clusters.gathered import Gathered
from llmri_viewer.model.history.store import TokenRef
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.layout.reach import Reach
from llmri_viewer.model.options import Options
from llmri_viewer.model.state import ViewState
from tests.viewer import clusters
from tests.viewer.conftest import STORY_TOLD, Desk
from tests.viewer.synthetic import SyntheticServer

TABLE = bindings.load()
ALONE = (*ON_ITS_OWN, "help")  # modes that are no views
BEGIN: dict[Mode, str] = {
    "view": "",
    "hebbian": "h",
    "circles": "o",
    "spectral": "f",
    "influence": "n",
    "layers": "a",
    "tokens": "k",
    "compare": "v",
    "chat": "t type:hi",
    "goto": "/ type:4:99",
    "help": "f1",
}
"""What is pressed to come into each mode, after two turns were told and unit 127 selected."""


@dataclass(frozen=True)
class Press:
    """What a key must have done: the states before and after it, and what the server was sent."""

    mode: Mode
    before: ViewState
    after: ViewState
    sent: tuple[Request, ...]
    files: tuple[Path, ...]
    desk: Desk

    def asked(self, kind: type[Request]) -> bool:
        return any(isinstance(message, kind) for message in self.sent)


Judge = Callable[[Press], bool]
Change = Callable[[ViewState], ViewState]


def toggled(name: str) -> Judge:
    """Judge a key that shows a view: pressed in that view, it leads back to the grid."""
    return lambda p: p.after.pane.view == ("grid" if p.mode == name else name)


def tenth_of_the_depth(tenth: int) -> Judge:
    return lambda p: p.after.pane.layer == (0, 1, 2, 3, 4, 4, 5, 6, 7)[tenth - 1]


def moved(press: Press) -> bool:
    """Judge that the view was zoomed or moved; a view with nothing to zoom stays as it is."""
    return looks(press.after) != looks(press.before) or press.mode in UNZOOMED


def looks(state: ViewState) -> tuple[object, ...]:
    return state.pane.camera, state.pane.disc_camera, state.pane.reach


PATIENCE = 20  # looks at what a key has done; the first is enough where nothing else runs
UNZOOMED = {"tokens", "compare"}
UNITLESS = {"tokens", "compare"}  # nothing there is one unit's
NO_LASSO = {*UNITLESS, "spectral"}  # its units stand in a line
JUDGES: dict[str, Judge] = {
    "layer.previous": lambda p: p.after.pane.layer == p.before.pane.layer - 1,
    "layer.next": lambda p: p.after.pane.layer == p.before.pane.layer + 1,
    **{f"layer.tenth{tenth}": tenth_of_the_depth(tenth) for tenth in range(1, 10)},
    "site.next": lambda p: (
        p.after.pane.site != p.before.pane.site
        or (p.mode in {"hebbian", "circles"} and p.after.overlays.warning)
    ),
    "goto.open": lambda p: p.after.typing.goto == "" and p.after.mode == "goto",
    "zoom.pointer": moved,
    "zoom.in": moved,
    "zoom.out": moved,
    "view.pan": moved,
    "zoom.fit": lambda p: (
        (p.after.pane.camera, p.after.pane.disc_camera, p.after.pane.reach) == (None, None, Reach())
    ),
    "view.out": lambda p: p.after.pane.view == "grid" and (p.mode != "view" or not p.after.selection.units),
    "hebbian.toggle": toggled("hebbian"),
    "circles.toggle": toggled("circles"),
    "spectral.toggle": toggled("spectral"),
    "influence.toggle": toggled("influence"),
    "layers.toggle": toggled("layers"),
    "tokens.toggle": toggled("tokens"),
    "compare.toggle": toggled("compare"),
    "spectrum.next": lambda p: p.after.look.spectrum != p.before.look.spectrum,
    "spectrum.order": lambda p: p.after.look.by_layout != p.before.look.by_layout,
    "influence.measure": lambda p: p.asked(MeasureInfluence),
    "influence.scale": lambda p: p.after.look.fixed != p.before.look.fixed,
    "layers.scale": lambda p: p.after.look.per_layer != p.before.look.per_layer,
    "cluster.select": lambda p: len(p.after.selection.units) > 1 and p.after.selection.picked is not None,
    "cluster.add": lambda p: (
        p.after.selection.units > p.before.selection.units and p.after.selection.picked is not None
    ),
    "cluster.enter": lambda p: p.after.pane.focus > 0,
    "clusters.most_active": lambda p: (
        p.after.clusters.ranking is not None
        and p.after.selection.picked == p.after.clusters.ranking.order[0]
        and len(p.after.selection.units) > 1
    ),
    "clusters.build": lambda p: p.after.clusters.job is not None or p.after.overlays.warning,
    "clusters.build_layer": lambda p: p.after.clusters.job is not None or p.after.overlays.warning,
    "edges.toggle": lambda p: p.after.look.edges != p.before.look.edges or "scans" in p.after.overlays.notice,
    "token.previous": lambda p: p.after.time.at == TokenRef(2, at(p).token - 1) and p.after.time.paused,
    "token.next": lambda p: p.after.overlays.notice == "this is the newest scan",
    "turn.previous": lambda p: at(p).turn == 2 and p.after.time.at is not None and p.after.time.at.turn == 1,
    "turn.next": lambda p: p.after.overlays.notice == "this is the newest turn",
    "time.first": lambda p: p.after.time.at == TokenRef(1, 0) and p.after.time.paused,
    "time.last": lambda p: p.after.time.at == p.before.time.at and p.after.time.paused,
    "replay.toggle": lambda p: p.after.time.replaying and not p.before.time.replaying,
    "follow.toggle": lambda p: p.after.time.paused and not p.before.time.paused,
    "difference.toggle": lambda p: p.after.look.difference and not p.before.look.difference,
    "unit.select": lambda p: p.after != p.before,
    "unit.add": lambda p: p.after.selection.units > p.before.selection.units or p.mode in UNITLESS,
    "units.lasso": lambda p: (
        (len(p.after.selection.units) > 1 or p.mode in NO_LASSO) and not p.after.selection.lasso
    ),
    "edit.boost": lambda p: p.asked(Intervene) and factors(p) == {1.5},
    "edit.ablate": lambda p: p.asked(Intervene) and factors(p) == {0.0},
    "amount.less": lambda p: p.after.editing.amount == p.before.editing.amount - p.before.editing.amount_step,
    "amount.more": lambda p: p.after.editing.amount == p.before.editing.amount + p.before.editing.amount_step,
    "edit.clear": lambda p: p.asked(ClearInterventions),
    "edit.undo": lambda p: p.asked(Undo),
    "edit.redo": lambda p: p.asked(Redo),
    "cache.reread": lambda p: p.asked(RePrefill),
    "protected.toggle": lambda p: p.after.look.protected_shown,
    "colour.next": lambda p: p.after.look.colour_map != p.before.look.colour_map,
    "scale.log": lambda p: p.after.look.log,
    "scale.clip": lambda p: not p.after.look.clip,
    "window.adjust": lambda p: p.after.look.limits is not None or not views.of(p.before).scaled,
    "window.auto": lambda p: p.after.look.limits is None,
    "grid.toggle": lambda p: not p.after.look.grid,
    "chat.open": lambda p: p.after.typing.chat == "" and p.after.mode == "chat",
    "shot.take": lambda p: [file.suffix for file in p.files] == [".png"],
    "shown.export": lambda p: ".png" in {f.suffix for f in p.files} and len(p.files) > 1,
    "film.record": lambda p: p.after.overlays.recording,
    "timings.toggle": lambda p: p.after.overlays.timings,
    "help.toggle": lambda p: p.after.overlays.help != p.before.overlays.help,
    "program.quit": lambda p: p.after.window.quit,
    "chat.send": lambda p: p.after.typing.chat == "" and chats(p) == [False],
    "chat.send_new": lambda p: p.after.typing.chat == "" and chats(p) == [True],
    "chat.erase": lambda p: p.after.typing.chat == "h",
    "chat.leave": lambda p: p.after.typing.chat is None and p.before.typing.chat == "hi",
    "goto.erase": lambda p: p.after.typing.goto == "4:9",
    "goto.go": lambda p: p.after.typing.goto is None and p.after.selection.units == {(4, 99)},
    "goto.paste": lambda p: p.after.typing.goto == p.before.typing.goto and not p.after.overlays.notice,
    "chat.paste": lambda p: p.after.typing.chat == p.before.typing.chat and not p.after.overlays.notice,
    "clusters.save": lambda p: [file.suffix for file in p.files] == [".llmri"],
    "compare.up": lambda p: p.after.pane.scroll == p.before.pane.scroll - 1,
    "compare.down": lambda p: p.after.pane.scroll == p.before.pane.scroll + 1,
    "compare.scroll": lambda p: p.after.pane.scroll < p.before.pane.scroll,
    "compare.measure": lambda p: p.asked(Compare),
    "help.next": lambda p: p.after.overlays.help_page == 1,
    "help.previous": lambda p: p.after.overlays.help_page == -1,
    "goto.leave": lambda p: (
        p.after.typing.goto is None and p.after.selection.units == p.before.selection.units
    ),
}


def at(press: Press) -> TokenRef:
    assert press.before.time.at is not None
    return press.before.time.at


def factors(press: Press) -> set[float]:
    return {edit.value for message in press.sent if isinstance(message, Intervene) for edit in message.edits}


def chats(press: Press) -> list[bool]:
    """Tell of each thing said whether it began a new conversation."""
    return [message.new for message in press.sent if isinstance(message, Chat)]


def unchanged(state: ViewState) -> ViewState:
    return state


def closer(state: ViewState) -> ViewState:
    return views.of(state).zoomed(state, 8, None)


def scrolled(state: ViewState) -> ViewState:
    """Return the comparison half scrolled, in a window too low for it."""
    return replace(state, window=replace(state.window, size=(480, 360)), pane=replace(state.pane, scroll=1))


FIRST: dict[str, Change] = {
    "cache.reread": lambda state: replace(
        state, editing=replace(state.editing, standing=replace(state.editing.standing, stale=True))
    ),
    "window.auto": lambda s: replace(s, look=replace(s.look, limits=(-1.0, 1.0))),
    "zoom.fit": closer,
    "zoom.out": closer,
    "view.pan": closer,
    "unit.add": lambda s: closer(s) if s.pane.view in {"layers", "influence"} else s,
    "compare.up": scrolled,
    "compare.down": scrolled,
    "compare.scroll": scrolled,
    "clusters.build": lambda s: replace(
        s, clusters=replace(s.clusters, gathered=Gathered(s.pane.site, 8, 1, 400), job=None)
    ),
    "clusters.build_layer": lambda s: replace(
        s, clusters=replace(s.clusters, gathered=Gathered(s.pane.site, 8, 1, 400), job=None)
    ),
}
"""What a key needs to find, so that it has something to do."""


def test_every_row_of_the_table_is_judged_here() -> None:
    assert {row.command for row in TABLE.rows} == set(JUDGES)
    assert set(BEGIN) == set(bindings.modes())


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Mode], tuple[Desk, ViewState]]]:
    """Open a desk for each mode once; give it with the state that the mode begins with."""
    opened: dict[Mode, tuple[Desk, ViewState]] = {}
    servers = []

    def desk_in(mode: Mode) -> tuple[Desk, ViewState]:
        if mode not in opened:
            server = SyntheticServer()
            server.__enter__()
            servers.append(server)
            desk = Desk(server, Options(), TABLE, Atlas.of(clusters.clustering()))
            desk.play(
                STORY_TOLD + 'say:"Another one." wait:turn_end click:unit=127 b wait:edits ' + BEGIN[mode]
            )
            desk.land()
            settle(desk)
            opened[mode] = desk, desk.state
        return opened[mode]

    yield desk_in
    for desk, _ in opened.values():
        desk.close()
    for server in servers:
        server.close()


def settle(desk: Desk, frames: int = 6) -> None:
    """Let messages come and go."""
    for _ in range(frames):
        pygame.time.wait(8)
        desk.window.frame()


def keys_of(mode: Mode) -> list[tuple[str, str]]:
    """Return the keys that hold in a mode, each with its command."""
    modes = (mode,) if mode in ON_ITS_OWN else (mode, "view")
    keys = dict.fromkeys(key for row in TABLE.rows if row.mode in modes for key in row.keys)
    return [(key, command) for key in keys if (command := TABLE.command(mode, key)) is not None]


PRESSES = [(mode, *pair) for mode in BEGIN if mode not in ALONE for pair in keys_of(mode)]
PRESSES += [(row.mode, key, row.command) for row in TABLE.rows if row.mode in ALONE for key in row.keys]


@pytest.mark.parametrize(("mode", "key", "command"), PRESSES)
def test_a_key_does_what_its_row_says_in_every_mode(  # noqa: PLR0917 - fixtures
    mode: Mode,
    key: str,
    command: str,
    desks: Callable[[Mode], tuple[Desk, ViewState]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    desk, begun = desks(mode)
    begun = replace(begun, editing=replace(begun.editing, standing=desk.state.editing.standing))
    before = FIRST.get(command, unchanged)(begun)
    desk.session.state = before
    desk.window.frame()
    received = len(desk.server.received)
    press(desk, key)
    judge: Judge = JUDGES[command]
    for _ in range(PATIENCE):
        settle(desk)
        wait_for_files(desk, command, tmp_path)
        sent = tuple(m for m in desk.server.received[received:] if isinstance(m, Request))
        files = tuple(sorted(tmp_path.iterdir()))
        if judge(Press(mode, before, desk.state, sent, files, desk)):
            return
    pytest.fail(f"{key} in {mode}: {desk.state}")


def press(desk: Desk, key: str) -> None:
    """Press a key, or make a gesture where it has something to meet."""
    if key not in GESTURE_KEYS:
        desk.play(key)
        return
    x, y = target(desk, key)
    match key:
        case "click" | "shift+click" | "doubleclick":
            held(desk, pygame.KMOD_SHIFT if key == "shift+click" else pygame.KMOD_NONE)
            for _ in range(2 if key == "doubleclick" else 1):
                mouse(pygame.MOUSEBUTTONDOWN, (x, y))
                mouse(pygame.MOUSEBUTTONUP, (x, y))
        case "drag" | "ctrl+drag" | "rightdrag":
            held(desk, pygame.KMOD_CTRL if key == "ctrl+drag" else pygame.KMOD_NONE)
            drag(desk, pygame.BUTTON_RIGHT if key == "rightdrag" else pygame.BUTTON_LEFT)
        case "wheel" | "shift+wheel":
            held(desk, pygame.KMOD_SHIFT if key == "shift+wheel" else pygame.KMOD_NONE)
            mouse(pygame.MOUSEMOTION, (x, y))
            pygame.event.post(pygame.event.Event(pygame.MOUSEWHEEL, x=0, y=2))
    desk.window.frame()
    held(desk, pygame.KMOD_NONE)


def held(desk: Desk, mods: int) -> None:
    pygame.key.set_mods(mods)


def mouse(kind: int, at: tuple[int, int], rel: tuple[int, int] = (0, 0), button: int = 1) -> None:
    pygame.event.post(pygame.event.Event(kind, pos=at, rel=rel, buttons=(1, 0, 0), button=button))


def stage_of(desk: Desk) -> Box:
    return views.of(desk.state).stage(desk.state)


def target(desk: Desk, key: str) -> tuple[int, int]:
    """Return a point with a unit or a cluster that is not selected; where a view has none, a layer's row."""
    state, view = desk.state, views.of(desk.state)
    subject = view.subject(state)
    if key in {"wheel", "shift+wheel"} or subject is None:
        stage = stage_of(desk)
        if key in {"wheel", "shift+wheel"}:
            return stage.x + stage.width // 3, stage.y + stage.height // 3
    else:
        for index in range(40, len(subject), 7):
            box = view.box_of(state, index)
            if box is None or subject.place(index) in state.selection.units:
                continue
            at = (box.x + box.width // 2, box.y + box.height // 2)
            if view.unit_at(state, at) == index and (
                state.pane.view != "circles" or view.cluster_at(state, at)
            ):
                return at
    row = window_parts.layer_row(window_parts.of(state.window.size).layers, 8, 2)
    return row.x + row.width // 2, row.y + row.height // 2


def drag(desk: Desk, button: int) -> None:
    """Drag around the middle of the stage."""
    stage = stage_of(desk)
    left, top = stage.x + stage.width // 4, stage.y + stage.height // 4
    right, bottom = stage.right - stage.width // 4, stage.bottom - stage.height // 4
    corners = [(left, top), (right, top), (right, bottom)]
    if button == pygame.BUTTON_RIGHT:
        corners += [(left, bottom), (left, top + 5)]
    mouse(pygame.MOUSEBUTTONDOWN, corners[0], button=button)
    for before, after in pairwise(corners):
        mouse(pygame.MOUSEMOTION, after, (after[0] - before[0], after[1] - before[1]), button)
    mouse(pygame.MOUSEBUTTONUP, corners[-1], button=button)


def wait_for_files(desk: Desk, command: str, folder: Path) -> None:
    """Let what is written in a thread be written."""
    if command not in {"shot.take", "shown.export"}:
        return
    for _ in range(200):
        if list(folder.iterdir()) and not list(folder.glob("*.part")):
            return
        settle(desk, 1)
