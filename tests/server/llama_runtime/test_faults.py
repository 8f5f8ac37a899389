"""What is wrong with a file is told in one sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest

from llmri_server.llama_runtime import Options, is_gguf, load
from llmri_server.llama_runtime.engine import engine
from llmri_server.llama_runtime.options import LONGEST_CONTEXT
from llmri_server.runtime import LoadError
from tests.gguf_models import GgufModel

Tiny = Callable[[str], GgufModel]

NAME = b"general.architecture" + b"\x08\x00\x00\x00" + b"\x05\x00\x00\x00\x00\x00\x00\x00"


def sentence(path: Path, options: Options | None = None) -> str:
    with pytest.raises(LoadError) as told:
        load(path, options)
    assert "\n" not in str(told.value)
    return str(told.value)


def changed(tiny: Tiny, folder: Path, change: Callable[[bytes], bytes]) -> Path:
    path = folder / "changed.gguf"
    path.write_bytes(change(tiny("llama").path.read_bytes()))
    return path


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none.gguf"
    assert sentence(path) == f"{path} cannot be read: No such file or directory"


def test_a_foreign_file(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"PK\x03\x04 and more")
    assert sentence(path) == f"{path} is no GGUF file: it begins with b'PK\\x03\\x04', expected b'GGUF'"


def test_an_empty_file_and_one_cut_in_the_header(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"")
    assert "is no GGUF file" in sentence(path)
    path.write_bytes(b"GGUF\x03\x00")
    assert f"{path} is cut off: it has 6 bytes" in sentence(path)


@pytest.mark.parametrize("kept", [0.2, 0.9])
def test_a_file_cut_off_later(tiny: Tiny, tmp_path: Path, kept: float) -> None:
    path = changed(tiny, tmp_path, lambda whole: whole[: int(kept * len(whole))])
    assert sentence(path).startswith(f"llama.cpp cannot load {path}: ")


@pytest.mark.parametrize(("version", "way_out"), [(9, "newer llama-cpp-python"), (1, "convert the model")])
def test_a_format_too_new_or_too_old(tiny: Tiny, tmp_path: Path, version: int, way_out: str) -> None:
    path = changed(tiny, tmp_path, lambda whole: whole[:4] + bytes([version]) + whole[5:])
    said = sentence(path)
    assert f"is GGUF version {version}, and versions 2 to 3 can be read" in said
    assert way_out in said


def test_an_architecture_that_llama_cpp_does_not_know(tiny: Tiny, tmp_path: Path) -> None:
    path = changed(tiny, tmp_path, lambda whole: whole.replace(NAME + b"llama", NAME + b"lamma"))
    assert sentence(path).endswith("unknown model architecture: 'lamma'")


@pytest.mark.parametrize(
    ("function", "gives", "said"),
    [
        ("llama_model_has_encoder", True, "does not generate text from left to right (llama)"),
        ("llama_model_has_decoder", False, "does not generate text from left to right (llama)"),
        ("llama_model_is_diffusion", True, "does not generate text from left to right (llama)"),
        ("llama_vocab_type", 0, "has no tokenizer"),
    ],
)
def test_a_model_that_is_none_of_ours(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, function: str, gives: int, said: str
) -> None:
    monkeypatch.setattr(engine().lib, function, lambda *_: gives)
    assert said in sentence(tiny("llama").path)


def test_a_file_of_another_architecture_that_llama_cpp_knows(tiny: Tiny, tmp_path: Path) -> None:
    path = tmp_path / "dream.gguf"
    path.write_bytes(tiny("qwen2").path.read_bytes().replace(b"qwen2", b"dream"))
    assert sentence(path).startswith(f"{path} does not generate text from left to right (dream); ")


def test_a_context_that_does_not_fit_into_the_memory(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        engine().errors.append("llama_init_from_model: failed to initialize the context: std::bad_alloc")

    monkeypatch.setattr(engine().lib, "llama_init_from_model", refuse)
    assert sentence(tiny("llama").path, Options(context=9999)) == (
        "llama.cpp makes no context of 9999 tokens: failed to initialize the context: std::bad_alloc; "
        "try a shorter one"
    )


def test_after_a_fault_a_good_file_loads(tiny: Tiny, tmp_path: Path) -> None:
    sentence(changed(tiny, tmp_path, lambda whole: whole[:9000]))
    assert load(tiny("llama").path).card.name == "tiny"


def test_a_file_is_known_by_its_name_or_by_its_first_bytes(tiny: Tiny, tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(tiny("llama").path.read_bytes())
    assert is_gguf(blob)
    assert is_gguf(Path("missing.GGUF"))
    assert not is_gguf(tmp_path)
    assert not is_gguf(tmp_path / "missing")


def test_a_file_without_a_name_is_called_by_its_own(tiny: Tiny, tmp_path: Path) -> None:
    path = changed(tiny, tmp_path, lambda whole: whole.replace(b"general.name", b"general.nome", 1))
    assert load(path).card.name == "changed"


def test_a_context_is_the_files_own_within_bounds() -> None:
    assert Options().context_of(512) == 512
    assert Options().context_of(131072) == LONGEST_CONTEXT
    assert Options(context=9000).context_of(512) == 9000
    assert Options(threads=3).processor_threads == 3
    assert Options().processor_threads >= 1


def test_llama_cpp_says_nothing_on_the_terminal(tiny: Tiny, capfd: pytest.CaptureFixture[str]) -> None:
    load(tiny("llama").path)
    assert capfd.readouterr() == ("", "")
    assert not engine().errors
