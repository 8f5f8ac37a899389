from pathlib import Path

import msgspec
import pytest

import llmri
from llmri import Edit
from llmri.edits import files
from llmri_protocol.edit_sets import edit_set, to_toml
from tests.client.test_later_server import later_server
from tests.llmri.edits.conftest import Run
from tests.protocol.edit_sets import EXAMPLE
from tests.server.fakes import CARD, WIDTH

EDITS = (
    Edit(site="mlp_act", layer=1, units=(0, 1, 2, 5), value=0.0),
    Edit(site="resid_post", layer=2, op="steer", value=1.5, direction=(0.5,) * WIDTH),
)


def test_what_is_saved_is_loaded_again_under_its_name(tmp_path: Path, run: Run, address: str) -> None:
    with llmri.connect(address) as model:
        model.intervene(EDITS, name="no sums")
        for file in (tmp_path / "one.toml", tmp_path / "two.json"):
            done = run("save", file, address)
            assert (done.exit_code, done.stdout) == (0, f"{file}: no sums, 2 edits\n")
            model.clear_interventions()
            assert run("load", file, address).exit_code == 0
            with llmri.connect(address, role="viewer") as other:
                assert (other.welcome.edits, other.welcome.edit_set) == (EDITS, "no sums")


def test_a_set_without_a_name_is_called_like_its_file(tmp_path: Path, run: Run, address: str) -> None:
    with llmri.connect(address) as model:
        model.intervene(EDITS)
    run("save", tmp_path / "calm.toml", address)
    assert files.read(tmp_path / "calm.toml").name == "calm"
    run("save", tmp_path / "calm.toml", address, "--name", "quiet", "--overwrite")
    assert files.read(tmp_path / "calm.toml").name == "quiet"


def test_loading_replaces_what_stands_and_adding_does_not(tmp_path: Path, run: Run, address: str) -> None:
    file = tmp_path / "one.toml"
    kept = Edit(site="mlp_act", layer=0, units=(7,), value=2.0)
    with llmri.connect(address) as model:
        model.intervene(EDITS)
        run("save", file, address)
        model.intervene([kept], replace=True)
        assert run("load", file, address, "--add").exit_code == 0
        with llmri.connect(address) as other:
            assert other.welcome.edits == (kept, *EDITS)
        assert run("load", file, address).exit_code == 0
        model.undo()  # one change
        with llmri.connect(address) as other:
            assert other.welcome.edits == (kept, *EDITS)


def test_a_set_of_another_model_is_refused_unless_it_is_wanted_anyway(
    tmp_path: Path, run: Run, address: str
) -> None:
    file = tmp_path / "foreign.toml"
    foreign = edit_set(EDITS, msgspec.structs.replace(CARD, name="llama-3"), name="a", made=EXAMPLE.made)
    files.save(file, foreign)
    done = run("load", file, address)
    assert done.exit_code == 1
    assert "it was made on llama-3, this model is fake; --anyway loads it if it fits" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert run("load", file, address, "--anyway").exit_code == 0
    files.save(file, EXAMPLE, overwrite=True)
    done = run("load", file, address, "--anyway")
    assert "does not fit: edit 1 of 5 (mlp_act, layer 3): there is no layer 3" in done.stderr


def test_what_stands_and_what_a_file_holds_is_shown(tmp_path: Path, run: Run, address: str) -> None:
    with llmri.connect(address) as model:
        model.intervene(EDITS, name="no sums")
    shown = run("show", address).stdout
    assert "no sums, 2 edits, fake (fake, 3 layers)" in shown
    assert "0-2,5" in shown
    assert "steer 1.5" in shown
    files.save(tmp_path / "set.toml", EXAMPLE)
    shown = run("show", tmp_path / "set.toml").stdout
    for words in ("0-23,40", "heads 1", "mean of the conversation", "resample, seed 5", "positions 4-6,9"):
        assert words in shown


def test_the_journal_tells_who_changed_what(run: Run, address: str) -> None:
    with llmri.connect(address) as model:
        model.intervene(EDITS[:1])
        model.undo()
    lines = [
        line for line in run("show", address, "--journal").stdout.splitlines() if "llmri.connect" in line
    ]
    assert len(lines) == 2
    assert "mlp_act" in lines[0]


def test_hooks_are_exported_as_json(tmp_path: Path, run: Run) -> None:
    files.save(tmp_path / "set.toml", EXAMPLE)
    assert run("export", tmp_path / "hooks.json", tmp_path / "set.toml").exit_code == 0
    assert '"blocks.3.mlp.hook_post"' in (tmp_path / "hooks.json").read_text()


def test_a_set_that_is_no_control_vector_is_refused_and_writes_nothing(tmp_path: Path, run: Run) -> None:
    files.save(tmp_path / "set.toml", EXAMPLE)
    done = run("export", tmp_path / "vector.gguf", tmp_path / "set.toml")
    assert done.exit_code == 1
    assert "edit 1 of 5 (scale at mlp_act, layer 3) fits no control vector" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["set.toml"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "missing.toml"), "cannot read missing.toml: No such file or directory"),
        (("show", "missing.toml", "--journal"), "the journal is the server's"),
        (("save", "edits.yaml"), "no server answers"),
        (("show", "127.0.0.1:1"), "no server answers at 127.0.0.1:1"),
        (("export", "vector.bin"), "names no format"),
        (("load", "no/such.toml"), "cannot read no/such.toml"),
        (("show", "127.0.0.1:1", "--token-file", "none"), "cannot read the access token in none"),
    ],
)
def test_mistakes_are_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run, words: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*words)
    assert done.exit_code == 1
    assert sentence in done.stderr
    assert done.stderr.startswith("llmri edits: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_broken_file_is_refused_by_its_key(tmp_path: Path, run: Run, address: str) -> None:
    file = tmp_path / "broken.toml"
    file.write_text(to_toml(EXAMPLE).replace('op = "mean"', 'op = "median"'))
    done = run("load", file, address)
    assert done.exit_code == 1
    assert "`op` of entry 2 of `edits`" in done.stderr


def test_edits_of_a_later_server_are_never_saved_as_others(tmp_path: Path, run: Run) -> None:
    for command in (("save", tmp_path / "a.toml"), ("export", tmp_path / "a.json")):
        with later_server() as port:
            done = run(*command, f"127.0.0.1:{port}")
        assert done.exit_code == 1
        assert "edits stand that this version cannot read (`swap` at `mlp_act`); update llmri" in done.stderr
    assert list(tmp_path.iterdir()) == []
    with later_server() as port:
        done = run("show", f"127.0.0.1:{port}")
    assert done.exit_code == 0
    assert "cannot read (`swap` at `mlp_act`)" in done.stdout
