"""A model's path may be typed, pasted or dragged; family and prompts are asked for."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from llmri.capture.asking import ask_family, ask_path, ask_prompts
from llmri.capture.families import default_prompts
from llmri.capture.plain_llama import POCKET, Opening, dropped_path, open_model
from llmri_server.llama_runtime.options import LONGEST_CONTEXT
from tests.gguf_models import gguf_model


class Terminal:
    """Somebody who types lines, and what they see."""

    def __init__(self, *lines: str) -> None:
        self._lines: Iterator[str] = iter(lines)
        self.console = Console(file=io.StringIO(), width=200)

    def read(self) -> str:
        return next(self._lines)

    @property
    def seen(self) -> str:
        assert isinstance(self.console.file, io.StringIO)
        return self.console.file.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my model's (new).gguf"
    path.touch()
    return path


def test_a_path_is_understood_as_terminals_drop_it(file: Path) -> None:
    plain = str(file)
    escaped = "".join(f"\\{letter}" if letter in " '()" else letter for letter in plain)
    quoted = '"' + plain + '"'
    for dropped in (plain, escaped, quoted, f"{plain}  ", file.as_uri(), f"'{file.as_uri()}' "):
        assert dropped_path(dropped) == file, dropped


def test_home_and_the_bundled_model_are_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert dropped_path("~/a.gguf") == tmp_path / "a.gguf"
    assert dropped_path("pocket") == POCKET
    assert dropped_path("it's.gguf") == Path("it's.gguf")
    assert dropped_path("~nobody-of-that-name/a.gguf") == Path("~nobody-of-that-name/a.gguf")


def test_the_path_is_asked_for_until_there_is_a_gguf_file(file: Path) -> None:
    terminal = Terminal("", "/no/such.gguf", str(file), "y" * 5000, str(POCKET))
    assert ask_path(terminal.console, terminal.read) == POCKET
    for said in ("/no/such.gguf cannot be read: No such file", "is empty", "File name too long"):
        assert said in terminal.seen


@pytest.mark.parametrize(
    ("typed", "family"), [("", "qwen"), ("1", "llama"), ("mistral", "mistral"), ("6", "other")]
)
def test_the_guessed_family_is_shown_and_may_be_changed(typed: str, family: str) -> None:
    terminal = Terminal(typed)
    assert ask_family(terminal.console, "qwen", terminal.read) == family
    assert "Alibaba Qwen (guessed from the file)" in terminal.seen


def test_a_wrong_family_is_asked_for_again() -> None:
    terminal = Terminal("7", "bert", "2")
    assert ask_family(terminal.console, "qwen", terminal.read) == "granite"
    assert "from 1 to 6" in terminal.seen


def test_prompts_end_with_an_empty_line() -> None:
    terminal = Terminal("", "first", " second ", "")
    assert ask_prompts(terminal.console, terminal.read) == ("first", "second")
    assert "Prompt 3: " in terminal.seen


def test_default_stands_for_ours() -> None:
    terminal = Terminal("mine", "default")
    assert ask_prompts(terminal.console, terminal.read) == ("mine", *default_prompts())


@pytest.mark.parametrize(("trained", "given"), [(100_000, LONGEST_CONTEXT), (128, 256)])
def test_the_context_is_the_files_own_up_to_a_limit(trained: int, given: int, tmp_path: Path) -> None:
    made = gguf_model("llama", tmp_path, max_position_embeddings=trained)
    assert open_model(made.path, Opening()).n_ctx() == given  # llama.cpp rounds up to 256
    assert open_model(made.path, Opening(context=512)).n_ctx() == 512
