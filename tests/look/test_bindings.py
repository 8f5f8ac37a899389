"""The key table: complete, without clashes, and the same in help, docs and README."""

from pathlib import Path

import pytest

from docs.make import keys as keys_page
from llmri_look.command_words import GESTURES
from llmri_look.keys import bindings, keynames, keysheet
from llmri_look.keys.bindings import Binding
from llmri_look.view_names import Mode
from llmri_protocol.configs import ConfigError
from llmri_viewer.app import user_paths
from llmri_viewer.commands import NAMED

ROOT = Path(__file__).resolve().parents[2]


def written(folder: Path, *rows: str) -> Path:
    path = folder / "own.toml"
    path.write_text("\n".join(f"[[binding]]\n{row}\n" for row in rows))
    return path


def test_the_viewer_carries_out_every_command_that_has_a_name() -> None:
    assert sorted(NAMED) == sorted(bindings.commands())


def test_every_command_has_a_key_and_every_key_a_description() -> None:
    table = bindings.load()
    unbound = {"site.previous"}
    assert {row.command for row in table.rows} == {*NAMED, *GESTURES} - unbound
    assert all(row.description for row in table.rows)


@pytest.mark.parametrize("mode", bindings.modes())
def test_no_key_means_two_things_in_one_mode(mode: Mode) -> None:
    rows = [(key, row.command) for row in bindings.load().rows if row.mode == mode for key in row.keys]
    assert len({key for key, _ in rows}) == len(rows)


def test_a_clash_is_refused_with_mode_key_and_both_commands() -> None:
    rows = [Binding(keys=("b",), command="edit.boost"), Binding(keys=("x", "b"), command="edit.ablate")]
    with pytest.raises(ConfigError, match=r"`b`.*`edit.boost`.*`edit.ablate`.*mode `view`"):
        bindings.checked(rows, "own.toml")
    bindings.checked([rows[0], Binding(keys=("b",), command="chat.send", mode="chat")], "own.toml")


def test_a_key_written_twice_in_one_row_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"`b` is written twice for `edit.boost`"):
        bindings.checked([Binding(keys=("b", "k", "b"), command="edit.boost")], "own.toml")


def test_two_own_rows_for_one_command_are_refused(tmp_path: Path) -> None:
    rows = ('keys = ["f5"]\ncommand = "edit.boost"', 'keys = ["f6"]\ncommand = "edit.boost"')
    with pytest.raises(ConfigError, match=r"two rows for `edit.boost`"):
        bindings.load(written(tmp_path, *rows))


def test_one_key_may_mean_different_things_in_different_modes() -> None:
    table = bindings.load()
    assert table.command("view", "escape") == table.command("circles", "escape") == "view.out"
    assert table.command("chat", "escape") == "chat.leave"
    assert table.command("goto", "escape") == "goto.leave"
    assert table.command("help", "escape") == "help.toggle"
    assert table.command("help", "q") == "program.quit"
    assert table.command("chat", "q") is None
    assert table.command("circles", "click") == "cluster.select"
    assert table.command("hebbian", "click") == table.command("view", "click") == "unit.select"
    assert table.command("circles", "b") == table.command("hebbian", "b") == "edit.boost"


def test_an_unknown_command_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"`edit.bost`.*`edit.boost`"):
        bindings.checked([Binding(keys=("b",), command="edit.bost")], "own.toml")


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("spcae", "space"),
        ("shift+ctrl+b", "ctrl+shift+b"),
        ("B", "write it `b`"),
        ("hyper+b", "only ctrl, alt, shift"),
        ("f77", "f7"),
    ],
)
def test_a_key_that_no_keyboard_has_is_answered_with_what_may_be_meant(key: str, meant: str) -> None:
    with pytest.raises(
        ConfigError, match=f"no key `{key.replace('+', chr(92) + '+')}` for `edit.boost`"
    ) as fault:
        bindings.checked([Binding(keys=(key,), command="edit.boost")], "own.toml")
    assert meant in str(fault.value)


@pytest.mark.parametrize(
    "key", ["b", "+", "ctrl++", "shift+left", "?", "\\", "f12", "page up", "ctrl+alt+shift+x"]
)
def test_what_a_keyboard_gives_may_stand_in_a_table(key: str) -> None:
    assert keynames.fault(key) == ""


def test_a_key_cannot_give_a_gestures_command_nor_the_other_way_round() -> None:
    with pytest.raises(ConfigError, match="needs a gesture"):
        bindings.checked([Binding(keys=("b",), command="view.pan")], "own.toml")
    with pytest.raises(ConfigError, match="needs a key"):
        bindings.checked([Binding(keys=("drag",), command="edit.boost")], "own.toml")


def test_a_file_replaces_the_keys_of_the_commands_it_names(tmp_path: Path) -> None:
    own = written(tmp_path, 'keys = ["f7"]\ncommand = "edit.boost"')
    table = bindings.load(own)
    assert table.command("view", "f7") == "edit.boost"
    assert table.command("view", "b") is None
    row = next(row for row in table.rows if row.command == "edit.boost")
    assert row.description
    assert row.group == "touch"


def test_a_file_that_clashes_with_the_bundled_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`x` stands for both `edit.boost` and `edit.ablate`"):
        bindings.load(written(tmp_path, 'keys = ["x"]\ncommand = "edit.boost"'))


def test_an_unknown_field_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="kees"):
        bindings.load(written(tmp_path, 'kees = ["x"]\ncommand = "edit.boost"'))


def test_a_persons_own_table_is_found_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert user_paths.own_keys() is None
    (tmp_path / ".config" / "llmri").mkdir(parents=True)
    file = tmp_path / ".config" / "llmri" / "keys.toml"
    file.write_text("")
    assert user_paths.own_keys() == file
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    assert user_paths.own_keys() is None
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert user_paths.own_keys() == file, "a relative base directory is to be ignored"


def test_a_sentence_names_the_key_of_a_command_as_it_is_bound(tmp_path: Path) -> None:
    own = bindings.load(written(tmp_path, 'keys = ["ctrl+return"]\ncommand = "chat.open"'))
    assert own.spelled("press {chat.open} or {help.toggle}") == "press Ctrl+Enter or F1"
    assert own.spelled("{no.command} and {} stay") == "{no.command} and {} stay"


def test_neighbours_that_say_the_same_are_one_line() -> None:
    lines = [line for section in keysheet.sections(bindings.load()) for line in section.lines]
    shown = [line.shown_keys for line in lines]
    assert "1 … 9" in shown
    assert "Up  Down" in shown
    rows = bindings.load().rows
    assert sum(len(line.keys) for line in lines) == sum(len(row.keys) for row in rows), "none is lost"


@pytest.mark.parametrize("mode", bindings.modes())
def test_the_help_of_a_mode_shows_each_key_once_and_as_it_works(mode: Mode) -> None:
    table = bindings.load()
    here, _ = keysheet.sections_for(table, mode)
    told = [(key, command) for section in here for line in section.lines
            for key, command in zip(line.keys, line.commands, strict=True)]  # fmt: skip
    assert len({key for key, _ in told}) == len(told)
    assert all(table.command(mode, key) == command for key, command in told)


def test_the_page_in_docs_is_what_the_table_gives() -> None:
    page = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8")
    assert page == keys_page.page(bindings.load()), "run: python -m docs.make.keys > docs/keys.md"


def test_the_table_in_the_readme_is_what_the_table_gives() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == keys_page.renewed(readme, bindings.load()), "run: python -m docs.make.keys --readme"


def test_a_readme_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="mark one"):
        keys_page.renewed("# A page", bindings.load())


def test_an_unknown_mode_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    own = written(tmp_path, 'keys = ["j"]\ncommand = "colour.next"\nmode = "circle"')
    with pytest.raises(ConfigError, match=r"no mode `circle` for `colour.next`; did you mean `circles`\?"):
        bindings.load(own)


def test_a_file_of_ones_own_keys_adds_no_view(tmp_path: Path) -> None:
    own = written(tmp_path, 'keys = ["j"]\ncommand = "colour.next"\ntitle = "In the colours"')
    with pytest.raises(ConfigError, match="only the bundled table lists views; leave it out"):
        bindings.load(own)
    own = written(tmp_path, 'keys = ["j"]\ncommand = "circles.toggle"')
    assert bindings.load(own).keys_of("circles.toggle") == "J"
    assert "circles" in bindings.modes()
