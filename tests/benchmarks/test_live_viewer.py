"""Live speed is measured in every view that follows a model."""

from benchmarks.live_viewer import VIEWS, Look, Seen
from benchmarks.viewer import live_rows
from llmri_look.keys import bindings
from llmri_look.view_names import ViewName
from llmri_viewer.scripts.script import Press, parse

STILL: set[ViewName] = {"compare"}  # two replies that have ended


def commands(keys: str) -> list[str]:
    """Return what the keys of a script do, each in the table that holds after the ones before it."""
    table, mode, found = bindings.load(), "view", []
    for action in parse(keys, table):
        assert isinstance(action, Press)
        rows = [row for row in table.rows if action.key in row.keys and row.mode in {mode, "view"}]
        command = max(rows, key=lambda row: row.mode == mode).command
        mode = command.partition(".")[0] if command.endswith(".toggle") else mode
        found.append(command)
    return found


def test_every_view_that_follows_a_model_is_watched() -> None:
    toggled = [commands(keys) for keys in VIEWS.values()]
    assert {names[0].removesuffix(".toggle") for names in toggled if names} == (
        set(bindings.view_titles()) - STILL
    )
    spectra = [names[1:] for names in toggled if names and names[0] == "spectral.toggle"]
    assert spectra == [["spectrum.next"] * turns for turns in range(3)]
    assert [] in toggled, "the grid"


def test_one_slow_view_misses_its_own_gates() -> None:
    def seen(seconds: float) -> Seen:
        look = Look(
            scans=200, pictures=60, frame=seconds, frame_95=seconds, delay=seconds, delay_95=2 * seconds
        )
        return Seen((look, look, look), idle_cpu=0.02, idle_pictures=0)

    findings = live_rows({"grid": seen(0.008), "circles": seen(0.02)})
    missed = {row.name for row in findings.rows if row.gate and not row.gate.met_by(row.spread.median)}
    assert missed == {
        "frame, 95th percentile: circles",
        "scan to picture, 95th percentile, in frames: circles",
    }
