"""A view costs three files: done here on a copy, with a toy view, its painter and its key."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import llmri_look
import llmri_protocol
import llmri_viewer
from llmri_protocol import configs

PACKAGES = [Path(str(package.__file__)).parent for package in (llmri_protocol, llmri_look, llmri_viewer)] + [
    configs.folder()
]
# The file, and what is written to it, at its end where it is there already.
RECIPE = {
    "llmri_viewer/views/toy.py": '''"""The toy view: the largest unit of the shown layer, in words."""

import numpy as np

from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.unit_selection import LayerUnits
from llmri_viewer.views.base import PlainView
from llmri_viewer.views.picture import Words
from llmri_viewer.views.table import Table


class ToyView(PlainView):
    """The largest unit."""

    name = "toy"
    has_units = False

    def subject(self, state: ViewState, /) -> LayerUnits | None:
        """See `View`."""
        return LayerUnits(state.pane.layer, state.width) if state.width else None

    def table(self, state: ViewState, store: ScanStore, /) -> Table | None:
        """See `View`."""
        picture = self.picture(state, store)
        return None if picture is None else Table({"largest": np.asarray([picture.values.argmax()])})

    def why_empty(self, state: ViewState, _store: ScanStore, /) -> Words:
        """See `View`."""
        return "No toy yet", "Say something to it ({chat.open})."

    def title(self, _state: ViewState, /) -> tuple[str, str]:
        """See `View`."""
        return "Toy", "to be taken apart"


VIEWS = (ToyView(),)
''',
    "llmri_viewer/drawing/toy.py": '''"""The toy view, drawn."""

from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.overlays import waiting
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.state import ViewState
from llmri_viewer.views.picture import Picture


def draw(
    canvas: Canvas, state: ViewState, _store: ScanStore, picture: Picture | None, why: waiting.Why
) -> None:
    """Draw it."""
    view = window_parts.of(state.window.size).view
    if picture is None:
        waiting.say(canvas, view, *why())
        return
    canvas.text(view, f"unit {picture.values.argmax()} is the largest", align="centre")


PAINTERS = {"toy": draw}
''',
    "configs/keys.toml": """
[[binding]]
keys = ["j"]
command = "toy.toggle"
description = "the toy, or back to the grid"
group = "views"
title = "In the toy"
""",
}
TEST = """
from tests.viewer.conftest import STORY_TOLD, Desk
from tests.viewer.synthetic import SyntheticServer
from docs.make import keys as page
from llmri_look.keys import bindings
from llmri_viewer import views
from llmri_viewer.commands import NAMED
from llmri_viewer.model.options import Options

table = bindings.load()
assert "| `J` | the toy, or back to the grid | `toy.toggle` |" in page.page(table)
assert "toy.toggle" in NAMED and "toy" in bindings.modes()
assert table.command("toy", "up") == "layer.previous", "what holds in every view holds in it"
with SyntheticServer() as server:
    desk = Desk(server, Options(), table)

    def said():
        desk.window.draw()
        return [each.text for each in desk.window.canvas.written]

    desk.play("wait:connected j")
    assert "No toy yet" in said() and "Say something to it (T)." in said() and "Toy" in said()
    desk.play(STORY_TOLD)
    found = views.table_of(desk.state, desk.session.store)
    largest = server.rows(desk.state.time.at.turn, desk.state.time.at.token, "mlp_act")[4].argmax()
    assert found.columns["largest"] == [largest] and found.facts["view"] == "toy"
    assert f"unit {largest} is the largest" in said()
    desk.play("f1")
    assert "the toy, or back to the grid" in said()
    desk.play("f1 j")
    assert desk.state.pane.view == "grid"
    desk.close()
print("drawn")
"""


def test_a_view_costs_three_files(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(package, tmp_path / package.name, ignore=shutil.ignore_patterns("*.pyc"))
    for name, added in RECIPE.items():
        with (tmp_path / name).open("a", encoding="utf-8") as file:
            file.write(added)
    assert len(RECIPE) == 3
    toy = tmp_path / "toy_test.py"
    toy.write_text(TEST)
    # In front of where the packages are otherwise found; the synthetic server comes from the checkout.
    path_list = [str(tmp_path), str(Path(__file__).parents[2]), *filter(None, sys.path)]
    done = subprocess.run(
        [sys.executable, str(toy)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path_list)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "drawn\n"), done.stderr
