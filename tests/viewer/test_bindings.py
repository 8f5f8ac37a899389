from pathlib import Path

import pytest

from llmri_protocol.configs import ConfigError
from llmri_viewer import bindings
from llmri_viewer.bindings import Binding
from llmri_viewer.commands import GESTURES, NAMED

PAGE = Path(__file__).resolve().parents[2] / "docs" / "keys.md"


def written(folder: Path, *rows: str) -> Path:
    path = folder / "own.toml"
    path.write_text("\n".join(f"[[binding]]\n{row}\n" for row in rows))
    return path


def test_every_command_has_a_key_and_every_key_a_description() -> None:
    table = bindings.load()
    unbound = {"site.previous"}
    assert {row.command for row in table.rows} == {*NAMED, *GESTURES} - unbound
    assert all(row.description for row in table.rows)


def test_a_clash_is_refused_with_the_key_and_both_commands() -> None:
    rows = [Binding(keys=("b",), command="edit.boost"), Binding(keys=("x", "b"), command="edit.ablate")]
    with pytest.raises(ConfigError, match=r"`b`.*`edit.boost`.*`edit.ablate`"):
        bindings.checked(rows, "own.toml")


def test_one_key_may_mean_different_things_in_different_modes() -> None:
    table = bindings.load()
    assert table.command("view", "escape") == "unit.deselect"
    assert table.command("chat", "escape") == "chat.leave"
    assert table.command("help", "escape") == "help.toggle"
    assert table.command("help", "q") == "program.quit"
    assert table.command("chat", "q") is None
    assert table.command("circles", "escape") == "circles.out"
    assert table.command("hebbian", "escape") == "hebbian.toggle"


def test_a_view_of_clusters_has_the_ordinary_keys_but_for_its_own() -> None:
    table = bindings.load()
    assert table.command("circles", "click") == "cluster.select"
    assert table.command("hebbian", "click") == table.command("view", "click") == "unit.select"
    assert table.command("circles", "b") == table.command("hebbian", "b") == "edit.boost"
    assert table.command("view", "doubleclick") is None


def test_an_unknown_command_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"`edit.bost`.*`edit.boost`"):
        bindings.checked([Binding(keys=("b",), command="edit.bost")], "own.toml")


def test_a_key_cannot_give_a_gestures_command_nor_the_other_way_round() -> None:
    with pytest.raises(ConfigError, match="needs a gesture"):
        bindings.checked([Binding(keys=("b",), command="view.pan")], "own.toml")
    with pytest.raises(ConfigError, match="needs a key"):
        bindings.checked([Binding(keys=("drag",), command="edit.boost")], "own.toml")


def test_a_file_replaces_the_keys_of_the_commands_it_names(tmp_path: Path) -> None:
    own = written(tmp_path, 'keys = ["k"]\ncommand = "edit.boost"')
    table = bindings.load(own)
    assert table.command("view", "k") == "edit.boost"
    assert table.command("view", "b") is None
    row = next(row for row in table.rows if row.command == "edit.boost")
    assert row.description
    assert row.group == "touch"


def test_a_file_that_clashes_with_the_bundled_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`x` stands for both"):
        bindings.load(written(tmp_path, 'keys = ["x"]\ncommand = "edit.boost"'))


def test_an_unknown_field_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="kees"):
        bindings.load(written(tmp_path, 'kees = ["x"]\ncommand = "edit.boost"'))


def test_the_page_in_docs_is_what_the_table_gives() -> None:
    assert PAGE.read_text(encoding="utf-8") == bindings.markdown(bindings.load()), (
        "run: python -m llmri_viewer.keys_page > docs/keys.md"
    )
