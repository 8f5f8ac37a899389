"""Loading, and one sentence for everything that cannot be loaded."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled, RepositoryNotFoundError
from transformers import AutoConfig

from llmri_server.runtime import LoadError
from llmri_server.torch_runtime import TorchRuntime, load, sources
from llmri_server.torch_runtime.explanations import first_line
from tests.server.torch_runtime.tiny_models import MakeRuntime, Say


@pytest.fixture
def folder(tmp_path: Path, make_runtime: MakeRuntime) -> Path:
    runtime = make_runtime("llama", torch.bfloat16)
    runtime.model.save_pretrained(tmp_path / "tiny")
    runtime.tokenizer.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


def sentence(model: str, **settings: str) -> str:
    with pytest.raises(LoadError) as refusal:
        load(model, **settings)
    text = str(refusal.value)
    assert "\n" not in text
    return text


def test_a_local_folder_loads_as_float32_on_the_cpu(
    folder: Path, say: Say, capfd: pytest.CaptureFixture[str]
) -> None:
    runtime = load(str(folder), device="cpu")
    assert isinstance(runtime, TorchRuntime)
    assert (runtime.card.name, runtime.card.dtype, runtime.card.device) == ("tiny", "f32", "cpu")
    assert say(runtime, "the cat").outcome.tokens > 0
    assert capfd.readouterr() == ("", "")


def test_a_dtype_that_is_asked_for_is_used(folder: Path) -> None:
    assert load(str(folder), device="cpu", dtype="bfloat16").card.dtype == "bf16"


def test_the_bundled_model_has_a_name_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "weights").symlink_to(folder)
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path)
    assert load("pocket", device="cpu").card.name == "pocket"


def test_a_missing_bundled_model_says_how_to_make_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path)
    assert "make pocket" in sentence("pocket")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    assert sentence(str(tmp_path)) == f"the folder {tmp_path} holds no model: it has no config.json"


def test_a_folder_that_is_not_there_is_named() -> None:
    assert "there is no folder ./nowhere" in sentence("./nowhere")


def test_a_file_is_no_model(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    assert f"{file} is a file" in sentence(str(file))


def test_a_folder_with_broken_weights_is_named(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"nonsense")
    assert sentence(str(folder), device="cpu").startswith(
        f"the folder {folder} could not be loaded as a model"
    )


def test_a_folder_whose_config_is_no_json_is_named(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    assert sentence(str(folder), device="cpu").startswith(
        f"the folder {folder} could not be loaded as a model"
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("t5", "is an encoder-decoder model (t5)"),
        ("bert", "does not generate text (bert)"),
        ("vit", "does not generate text (vit)"),
    ],
)
def test_other_kinds_of_model_are_refused_before_their_weights_are_read(
    tmp_path: Path, kind: str, words: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    text = sentence(str(tmp_path))
    assert words in text
    assert "decoder-only" in text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionError("no route"), "the hub did not answer"),
        (OfflineModeIsEnabled("offline"), "the hub did not answer"),
        (RepositoryNotFoundError.__new__(RepositoryNotFoundError), "no model `owner/name` on the hub"),
        (GatedRepoError.__new__(GatedRepoError), "`owner/name` is gated on the hub"),
        (OSError("strange\nand long"), "`owner/name` could not be loaded: strange"),
    ],
)
def test_hub_troubles_are_told_apart(monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    monkeypatch.setattr(sources, "model_info", raising(error))
    assert words in sentence("owner/name")


def test_a_model_downloaded_before_needs_no_hub(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(sources, "model_info", raising(ConnectionError("no route")))
    monkeypatch.setattr(sources, "try_to_load_from_cache", lambda *_: str(folder / "config.json"))

    def from_cache(location: str, **options: object) -> None:
        asked.append((location, options["local_files_only"]))
        raise OSError("enough seen")

    monkeypatch.setattr(AutoConfig, "from_pretrained", from_cache)
    assert "enough seen" in sentence("owner/name")
    assert asked == [("owner/name", True)]


def raising(error: Exception) -> Callable[..., None]:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    return fail


def test_an_unknown_dtype_or_device_is_answered_with_the_known_ones(folder: Path) -> None:
    assert sentence(str(folder), dtype="int3") == (
        "there is no dtype `int3`; choose auto, float32, float16, bfloat16"
    )
    assert sentence(str(folder), device="abacus").startswith(
        "there is no device `abacus`; choose auto, cpu, cuda"
    )


def test_cuda_without_a_gpu_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "this machine offers 0 CUDA devices" in sentence(str(folder), device="cuda:1")


@pytest.mark.parametrize(("name", "shown"), [("ti\x1b[31mny", "ti\\x1b[31mny"), ("n" * 255, "n" * 255)])
def test_any_name_of_a_folder_is_one_that_clients_take(folder: Path, name: str, shown: str) -> None:
    assert load(str(folder.rename(folder.with_name(name))), device="cpu").card.name == shown


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            ValueError("the field is wrong:\n    expected int, got str\nmore"),
            "the field is wrong: expected int, got str",
        ),
        (ValueError("one:\n\ntwo:\n"), "one: two"),
        (ValueError("whole.\nmore"), "whole"),
        (KeyError("zorb"), "'zorb' is missing in its files, or unknown to the library"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_a_librarys_failure_is_told_up_to_where_it_is_whole(error: Exception, sentence: str) -> None:
    assert first_line(error) == sentence
