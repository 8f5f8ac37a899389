import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from llmri.edits.files import save
from llmri_protocol import Edit
from llmri_protocol.edit_sets import edit_set
from tests.protocol.edit_sets import CARD, EXAMPLE

WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
from llmri.cli import main
sys.argv = ["llmri", *{arguments!r}]
try:
    main()
finally:
    print(sorted({{"torch", "pygame", "transformers"}} & set(sys.modules)))
"""


def llmri(*arguments: str, missing: frozenset[str] = frozenset()) -> "subprocess.CompletedProcess[str]":
    code = WITHOUT.format(missing=set(missing), arguments=arguments)
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_help_lists_both_sides_and_loads_neither() -> None:
    done = llmri("--help")
    assert done.returncode == 0
    assert "serve" in done.stdout
    assert "view" in done.stdout
    assert "edits" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_the_installed_one() -> None:
    assert llmri("--version").stdout.splitlines()[0] == f"llmri {version('llmri')}"


def test_the_sides_own_their_options() -> None:
    done = llmri("serve", "--help", missing=frozenset({"torch", "transformers"}))
    assert done.returncode == 0
    assert "--max-new-tokens" in done.stdout


def test_an_unknown_option_is_refused_by_the_side() -> None:
    done = llmri("serve", "--prot", "1")
    assert done.returncode == 2
    assert "--prot" in done.stderr


@pytest.mark.parametrize("missing", ["torch", "transformers"])
def test_without_its_extra_serving_says_what_to_install(missing: str) -> None:
    done = llmri("serve", "--port", "0", missing=frozenset({missing}))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last == "llmri serve needs the server extra: in a clone of LLMRI, pip install '.[server]'"


def test_sets_of_edits_need_no_extra() -> None:
    done = llmri(
        "edits", "save", "--help", missing=frozenset({"torch", "pygame", "scipy", "sklearn", "gguf"})
    )
    assert done.returncode == 0, done.stderr
    assert "--overwrite" in done.stdout


def test_a_control_vector_without_its_extra_says_what_to_install(tmp_path: Path) -> None:
    steer = Edit(site="resid_post", layer=1, op="steer", value=1.0, direction=(1.0,) * 6)
    save(tmp_path / "set.toml", edit_set([steer], CARD, name="a", made=EXAMPLE.made))
    words = ("edits", "export", str(tmp_path / "v.gguf"), str(tmp_path / "set.toml"))
    done = llmri(*words, missing=frozenset({"gguf"}))
    assert done.returncode == 1
    assert done.stderr == (
        "llmri edits: a control vector needs the gguf extra: in a clone of LLMRI, pip install '.[gguf]'\n"
    )
    assert llmri(*words).returncode == 0
    assert (tmp_path / "v.gguf").read_bytes()[:4] == b"GGUF"


@pytest.mark.parametrize(
    "command", ["", "serve", "view", "cluster", "capture", "weights", "edits show", "experiment", "demo"]
)
def test_at_40_columns_no_option_is_cut_off(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "llmri", *command.split(), "--help"],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "COLUMNS": "40"},
    )  # fmt: skip
    assert done.returncode == 0
    assert "…" not in done.stdout
    assert not {"╭", "│"} & set(done.stdout)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("serve", "./no-such-model"), "there is no folder ./no-such-model"),
        (("serve", str(Path(__file__).parent)), "it has no config.json"),
        (("experiment", "mathematics-and-poetri"), "did you mean `mathematics-and-poetry`?"),
    ],
)
def test_a_wrong_name_is_told_before_torch_is_loaded(words: tuple[str, ...], sentence: str) -> None:
    done = llmri(*words, *(("--port", "0") if words[0] == "serve" else ()))
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "arguments",
    [("edits", "show", "none\udcff.toml"), ("cluster", "--prompts", "none\udcff", "localhost:1")],
)
def test_a_path_that_is_no_text_is_told_in_a_sentence(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "llmri", *arguments],
        capture_output=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1
    assert b"none\\udcff" in done.stderr
    assert b"No such file" in done.stderr
    assert done.stderr.count(b"\n") == 1
