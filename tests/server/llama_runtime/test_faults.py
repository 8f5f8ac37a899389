"""What is wrong with a file is told in one sentence."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from gguf import GGUFReader

from llmri_server.llama_runtime import Options, is_gguf, load
from llmri_server.llama_runtime.engine import engine
from llmri_server.llama_runtime.options import LONGEST_CONTEXT, SMALL
from llmri_server.runtime import LoadError
from tests.gguf_models import GgufModel

Tiny = Callable[[str], GgufModel]

NAME = b"general.architecture" + b"\x08\x00\x00\x00" + b"\x05\x00\x00\x00\x00\x00\x00\x00"

UINT32 = b"\x04\x00\x00\x00"


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
    assert sentence(path) == f"{path} is empty; copy or download it again"
    path.write_bytes(b"GGUF\x03\x00")
    assert f"{path} is cut off: it has 6 bytes" in sentence(path)


@pytest.mark.parametrize("kept", [0.2, 0.9])
def test_a_file_cut_off_later(tiny: Tiny, tmp_path: Path, kept: float) -> None:
    path = changed(tiny, tmp_path, lambda whole: whole[: int(kept * len(whole))])
    said = sentence(path)
    assert said.startswith(f"llama.cpp cannot load {path}: ")
    assert said.endswith("; the file is damaged or cut off, so copy or download it again")


def test_a_file_of_the_other_byte_order(tiny: Tiny, tmp_path: Path) -> None:
    path = changed(tiny, tmp_path, lambda whole: whole[:4] + whole[7:3:-1] + whole[8:])
    assert "the other byte order (big-endian); convert the model again" in sentence(path)


def test_a_file_that_llama_cpp_gives_up_on_ends_the_process_with_a_sentence(
    tiny: Tiny, tmp_path: Path
) -> None:
    blocks = b"llama.block_count" + UINT32
    path = changed(tiny, tmp_path, lambda whole: whole.replace(blocks + b"\x03", blocks + b"\x00"))
    for command in (
        ["serve", "--port", "0"],
        ["capture", "--prompt", "x", "--out", str(tmp_path / "a.json")],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "llmri", *command, str(path)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        (*progress, said) = done.stderr.splitlines()
        assert all(line.startswith("loading ") for line in progress)
        assert said.startswith("llama.cpp gave up, and LLMRI ends with it: llama-model.cpp:")


@pytest.mark.parametrize(("version", "way_out"), [(9, "newer llama-cpp-python"), (1, "convert the model")])
def test_a_format_too_new_or_too_old(tiny: Tiny, tmp_path: Path, version: int, way_out: str) -> None:
    path = changed(tiny, tmp_path, lambda whole: whole[:4] + bytes([version]) + whole[5:])
    said = sentence(path)
    assert f"is GGUF version {version}, and versions 2 to 3 can be read" in said
    assert way_out in said


def test_an_architecture_that_llama_cpp_does_not_know(tiny: Tiny, tmp_path: Path) -> None:
    path = changed(tiny, tmp_path, lambda whole: whole.replace(NAME + b"llama", NAME + b"lamma"))
    assert sentence(path).endswith(
        "unknown model architecture: 'lamma'; a newer llama-cpp-python may know it"
    )


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


def test_a_context_beyond_the_machine_is_refused_before_the_memory_is_filled(tiny: Tiny) -> None:
    model = tiny("llama")
    kept = 2 * 2 * model.model.config.num_hidden_layers * model.model.config.head_dim
    kept *= model.model.config.num_key_value_heads
    said = sentence(model.path, Options(context=2**31 - 1))
    assert f"a context of {2**31 - 1} tokens takes {kept * 2**31 / 1e9:.0f} GB" in said


def test_a_gpu_that_was_asked_for_and_is_not_there(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine().lib, "llama_supports_gpu_offload", lambda: False)
    assert "was built without one" in sentence(tiny("llama").path, Options(needs_gpu=True))


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
    assert Options().context_of(0) == LONGEST_CONTEXT


def test_a_small_model_has_one_thread_and_none_more_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)), raising=False)
    assert Options().threads_for(SMALL - 1) == 1
    assert Options().threads_for(SMALL) == 4
    assert Options(threads=3).threads_for(1) == 3
    assert Options(threads=1000).threads_for(1) == 4


def test_llama_cpp_says_nothing_on_the_terminal(tiny: Tiny, capfd: pytest.CaptureFixture[str]) -> None:
    load(tiny("llama").path)
    assert capfd.readouterr() == ("", "")
    assert not engine().errors


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["blk.1.ffn_norm.weight", "blk.1.ffn_up.weight"])
def test_broken_values_are_refused_by_the_name_of_their_tensor(
    tiny: Tiny, tmp_path: Path, name: str, value: float
) -> None:
    path = changed(tiny, tmp_path, lambda whole: whole)
    tensor = next(each for each in GGUFReader(path, "r+").tensors if each.name == name)
    tensor.data.reshape(-1)[3] = value
    del tensor  # closes the file's memory map, which writes it
    text = sentence(path)
    assert f"tensor '{name}' has invalid data: values that are infinite or not a number" in text
