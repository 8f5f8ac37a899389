"""Which runtime serves which model."""

from dataclasses import replace
from pathlib import Path

import pytest

from llmri_server.pocket import WEIGHTS
from llmri_server.runtime import LoadError
from llmri_server.runtimes import registry as runtimes
from llmri_server.settings import Settings


def chosen(monkeypatch: pytest.MonkeyPatch, model: str) -> str:
    def naming(kind: runtimes.Kind, name: str) -> runtimes.Kind:
        return replace(kind, load=lambda _: name, load_exactly=lambda _: name)  # type: ignore[arg-type, return-value]

    kinds = tuple(naming(kind, name) for kind, name in zip(runtimes.KINDS, ("gguf", "torch"), strict=True))
    monkeypatch.setattr(runtimes, "KINDS", kinds)
    loaded = runtimes.load_runtime(Settings(model=model))
    assert runtimes.load_exactly(model) == loaded
    return loaded  # type: ignore[return-value]  # names in place of runtimes


@pytest.mark.parametrize("model", ["pocket", str(WEIGHTS), "Qwen/Qwen3-0.6B", "./nowhere"])
def test_models_of_hugging_face_go_to_pytorch(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    assert chosen(monkeypatch, model) == "torch"


def test_a_gguf_file_goes_to_llama_cpp_whatever_it_is_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blob = tmp_path / "sha256-1234"
    blob.write_bytes(b"GGUF\x03\x00\x00\x00")
    for model in (str(blob), "missing.gguf", "~/models/Some.GGUF"):
        assert chosen(monkeypatch, model) == "gguf"


def test_the_bundled_file_is_found_by_its_bare_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert runtimes.find_gguf("pocket-q8_0.gguf") == WEIGHTS.parent / "pocket-q8_0.gguf"
    assert runtimes.find_gguf("./other.gguf") == Path("other.gguf")
    (tmp_path / "pocket-q8_0.gguf").touch()
    assert runtimes.find_gguf("pocket-q8_0.gguf") == Path("pocket-q8_0.gguf")


def test_a_name_that_no_file_can_have_is_no_file() -> None:
    for name in ("y" * 5000 + ".gguf", "~nobody-of-that-name/a.gguf"):
        with pytest.raises(LoadError, match="cannot be read"):
            runtimes.load_runtime(Settings(model=name))


def test_a_gpu_is_asked_for_by_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llama_cpp.llama_cpp.llama_supports_gpu_offload", lambda: False)
    with pytest.raises(LoadError, match="try --device cpu"):
        runtimes.load_runtime(Settings(model="pocket-q8_0.gguf", device="cuda"))


def test_settings_become_options() -> None:
    settings = Settings(model="pocket-q8_0.gguf", device="cpu", threads=1, context=64, flash_attention="off")
    card = runtimes.load_runtime(settings).card
    assert (card.name, card.runtime, card.context, card.device) == ("pocket", "llama.cpp", 64, "cpu")


def test_a_file_cannot_be_loaded_as_another_type() -> None:
    with pytest.raises(LoadError, match="cannot be loaded as float16"):
        runtimes.load_runtime(Settings(model="pocket-q8_0.gguf", dtype="float16"))


@pytest.mark.parametrize("model", ["y" * 5000, "~nobody-of-that-name/model"])
def test_a_name_that_no_folder_can_have_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(LoadError, match="there is no"):
        runtimes.load_runtime(Settings(model=model))
