"""The example of docs/capture.md, run as it stands against the bundled model."""

import re
import shutil
from pathlib import Path

import pytest

from llmri.capture import read_capture
from llmri.capture.plain_llama import POCKET
from llmri.cli import SIDES
from tests.llmri.capture.conftest import llama_cpp

PAGE = Path(__file__).parents[3] / "docs" / "capture.md"


def test_the_example_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert llama_cpp is not None
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    shutil.copy(POCKET, tmp_path / "model.gguf")
    monkeypatch.chdir(tmp_path)
    exec(compile(example, str(PAGE), "exec"), {})
    capture = read_capture("capture.json")
    assert capture.model.file == "model.gguf"
    assert capture.trials[0].tensors


def test_the_command_is_there() -> None:
    assert SIDES["capture"].extra == "gguf"
