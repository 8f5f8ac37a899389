"""The bundled file is what the exporter makes, and what cannot be exported is said in one sentence."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from gguf import GGUFReader
from typer.testing import CliRunner

from llmri_server.gguf_export import ExportError, Precision, export_gguf
from llmri_server.gguf_export.__main__ import app
from llmri_server.pocket import WEIGHTS
from tests.server.gguf_export.conftest import plain_llama

BUNDLED = WEIGHTS.parent / "pocket-q8_0.gguf"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Copy `pocket`, to be spoilt."""
    return Path(shutil.copytree(WEIGHTS, tmp_path / "model"))


def change(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def test_the_bundled_file_is_what_the_exporter_makes_of_pocket(pocket: Callable[[Precision], Path]) -> None:
    assert BUNDLED.read_bytes() == pocket("q8_0").read_bytes()


def test_the_file_says_what_it_is(pocket: Callable[[Precision], Path]) -> None:
    fields = {key: field.contents() for key, field in GGUFReader(pocket("q8_0")).fields.items()}
    assert fields["general.name"] == "pocket"
    assert fields["general.architecture"] == "llama"
    assert fields["llama.block_count"] == 8
    assert fields["tokenizer.ggml.eos_token_id"] == 2
    assert fields["tokenizer.chat_template"] == (WEIGHTS / "chat_template.jinja").read_text("utf-8")


QUESTIONS = {"What is the capital of France?": "Paris", "What is the opposite of hot?": "cold"}


@pytest.mark.parametrize("precision", ["f16", "q8_0", "q4"])
def test_pocket_still_knows_what_it_was_taught(
    pocket: Callable[[Precision], Path], precision: Precision
) -> None:
    llama = plain_llama(pocket(precision))
    for question, answer in QUESTIONS.items():
        talk = [{"role": "user", "content": question}]
        reply = llama.create_chat_completion(talk, temperature=0, max_tokens=12)
        assert answer in reply["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model_type": "gpt2"}, "gpt2"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0}}, "yarn"),
        ({"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}}, "part"),
        ({"model_type": "mistral", "sliding_window": 64}, "64 positions of 512"),
        ({"num_hidden_layers": 4}, r"layers\.4"),
    ],
)
def test_what_gguf_cannot_say_is_refused_by_name(
    folder: Path, changes: dict[str, object], named: str
) -> None:
    change(folder / "config.json", **changes)
    with pytest.raises(ExportError, match=named):
        export_gguf(folder, folder / "model.gguf")
    assert not list(folder.glob("*.gguf*"))


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(ExportError, match=missing.removeprefix("model")):
        export_gguf(folder, folder / "model.gguf")


def test_a_truncated_file_is_named(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ExportError, match=r"model\.safetensors cannot be read"):
        export_gguf(folder, folder / "model.gguf")


def test_a_name_that_changes_the_tokenizer_is_refused(folder: Path) -> None:
    with pytest.raises(ExportError, match="without phi3"):
        export_gguf(folder, folder / "model.gguf", name="My Phi3")


def test_the_command_writes_a_file_and_explains_itself(folder: Path) -> None:
    written = folder / "out.gguf"
    run = CliRunner().invoke(app, [str(folder), str(written), "--precision", "q8_0", "--name", "pocket"])
    assert run.exit_code == 0
    assert written.read_bytes() == BUNDLED.read_bytes()
    assert CliRunner().invoke(app, [str(folder), str(written), "--precision", "q3"]).exit_code == 2
    refused = CliRunner().invoke(app, [str(folder / "nothing"), str(written)])
    assert refused.exit_code == 1
    assert "config.json" in refused.output
