"""The examples of docs/edits.md, run as they stand against the bundled model."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

import llmri
from llmri_protocol.edit_sets import from_toml, to_toml
from llmri_protocol.sites import HOOKS
from llmri_server import Server, Settings
from llmri_server.torch_runtime import load
from tests.llmri.edits.conftest import Run

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "edits.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def pocket() -> Iterator[str]:
    with Server(load("pocket", device="cpu", dtype="float32"), Settings(port=0)) as running:
        yield "{}:{}".format(*running.address)


def test_the_programs_of_the_page_run(
    pocket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(llmri, "connect", partial(llmri.connect, pocket))
    exec("\n".join(examples("python")), {})
    said = capsys.readouterr().out.splitlines()
    before, silent, after, steered, influence, compared, attributed, *journal = said
    assert before == after == "37 + 45 = 82."
    assert silent != before
    assert steered.startswith("There once was a brave dog")
    assert re.fullmatch(r"KL [0-9.e-]+ nats; most moved: layer [3-7]", influence)
    assert compared.startswith("37 + 45 = 82. | ")
    assert re.fullmatch(r"'<\|end\|>': unit \d+; against ablation r = -?[01]\.\d+", attributed)
    assert [line.split()[0] for line in journal] == [str(number) for number in range(1, len(journal) + 1)]


def test_the_commands_of_the_page_run(
    pocket: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with llmri.connect(pocket) as model:
        model.intervene([llmri.Edit(site="mlp_act", layer=3, units=(1, 2))])
    commands = [line.split("#")[0].split() for line in examples("sh")[0].splitlines()]
    assert [words[:3] for words in commands] == [
        ["llmri", "edits", verb] for verb in ("save", "load", "show", "export")
    ]
    for words in commands:
        here = [pocket] if words[2] in {"save", "load"} else []
        done = run(*words[2:], *here)
        assert done.exit_code == 0, done.stderr


def test_the_file_of_the_page_is_one_that_is_written() -> None:
    (text,) = examples("toml")
    assert to_toml(from_toml(text)) == text


def test_the_table_of_hooks_is_the_programs() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| `(blocks[^`]+)` \|", PAGE, flags=re.MULTILINE))
    assert told == {site: name.format(layer="N") for site, name in HOOKS.items()}
