"""A checkpoint that is not what its config says is refused in one sentence that names what is wrong."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from llmri_server.runtime import LoadError
from llmri_server.torch_runtime import load, sources
from tests.server.torch_runtime.tiny_models import tiny_model

Weights = dict[str, Tensor]
Make = Callable[..., Path]
UP = "model.layers.1.mlp.up_proj.weight"
EMBEDDING = "model.embed_tokens.weight"


@pytest.fixture
def make(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> Make:
    """Save a tiny model with some of its weights changed, and some of its config afterwards."""

    def make(
        kind: str = "llama",
        change: Callable[[Weights], object] = lambda _: None,
        config: dict[str, object] | None = None,
        **settings: object,
    ) -> Path:
        folder = tmp_path / "tiny"
        tiny_model(kind, torch.float32, **settings).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        weights = load_file(folder / "model.safetensors")
        change(weights)
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        written = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(written | (config or {})))
        return folder

    return make


def sentence(folder: Path | str, **settings: str) -> str:
    with pytest.raises(LoadError) as refusal:
        load(str(folder), device="cpu", **settings)
    text = str(refusal.value)
    assert "\n" not in text
    return text


def removing(*names: str) -> Callable[[Weights], object]:
    return lambda weights: [weights.pop(name) for name in names]


def adding(**tensors: Tensor) -> Callable[[Weights], object]:
    return lambda weights: weights.update({name.replace("__", "."): each for name, each in tensors.items()})


def test_missing_weights_are_named_and_never_made_up(make: Make) -> None:
    text = sentence(make(change=removing(UP, "model.norm.weight")))
    assert f"lacks weights that its config asks for: {UP}, model.norm.weight" in text


def test_a_config_with_more_layers_than_weights_is_refused(make: Make) -> None:
    text = sentence(make(config={"num_hidden_layers": 4}))
    assert "lacks weights" in text
    assert "model.layers.3.input_layernorm.weight" in text
    assert "and 6 more" in text


def test_a_config_with_fewer_layers_than_weights_is_refused(make: Make) -> None:
    text = sentence(make(config={"num_hidden_layers": 2}))
    assert "no place for" in text
    assert "model.layers.2.input_layernorm.weight" in text


def test_both_shapes_of_a_weight_that_does_not_fit_are_told(make: Make) -> None:
    text = sentence(make(change=adding(**{UP: torch.zeros(40, 32)})))
    assert f"{UP} is (40, 32) and should be (48, 32)" in text


@pytest.mark.parametrize("missing", ["lm_head.weight", EMBEDDING])
def test_a_head_without_weights_is_missing_unless_it_is_tied(make: Make, missing: str) -> None:
    assert missing in sentence(make(change=removing(missing)))


def test_tied_weights_are_not_missing(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    assert load(str(make(tie_word_embeddings=True)), device="cpu").card.absent == ()
    assert caplog.messages == []


def test_no_tied_weight_at_all_is_missing(make: Make) -> None:
    assert EMBEDDING in sentence(make(change=removing(EMBEDDING), tie_word_embeddings=True))


def test_a_head_that_differs_from_the_embedding_it_is_tied_to_is_told(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make(change=adding(lm_head__weight=torch.ones(300, 32)), tie_word_embeddings=True)
    assert (load(str(folder), device="cpu").model.lm_head.weight == 1).all()
    assert "its weights hold two that differ" in caplog.text


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.1.self_attn.o_proj.bias",
        "model.layers.1.self_attn.q_norm.weight",
        "model.layers.1.self_attn.q_proj.lora_A.default.weight",
        "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight",
        "model.norm.bias",
        "model.embed_norm.weight",
        "lm_head.bias",
        f"{UP}_scale",
    ],
)
def test_weights_without_a_place_that_change_what_is_computed_are_refused(make: Make, name: str) -> None:
    text = sentence(make(change=adding(**{name: torch.ones(32)})))
    assert "no place for" in text
    assert name in text


@pytest.mark.parametrize("name", ["score.weight", "vision_tower.layers.0.weight", "mtp.layers.0.norm.weight"])
def test_weights_of_something_else_are_told_and_left_alone(
    make: Make, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    load(str(make(change=adding(**{name: torch.ones(2)}))), device="cpu")
    assert f"weights that are not used here: {name}" in caplog.text


def test_blocks_that_predict_further_tokens_are_told_and_left_alone(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make(config={"num_hidden_layers": 2, "num_nextn_predict_layers": 1})
    assert load(str(folder), device="cpu").card.layers == 2
    assert "not used here: model.layers.2." in caplog.text


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("llama", ("model.layers.1.self_attn.rotary_emb.inv_freq",)),
        ("gpt2", ("transformer.h.1.attn.bias", "transformer.h.1.attn.masked_bias")),
        ("gpt_neox", ("gpt_neox.layers.1.attention.bias", "gpt_neox.layers.1.attention.masked_bias")),
    ],
)
def test_buffers_of_older_checkpoints_are_no_weights(
    make: Make, caplog: pytest.LogCaptureFixture, kind: str, names: tuple[str, ...]
) -> None:
    load(str(make(kind, adding(**{name: torch.ones(4) for name in names}))), device="cpu")
    assert "weights" not in caplog.text


def test_weights_named_without_the_base_model_in_front_are_found(make: Make) -> None:
    def rename(weights: Weights) -> None:
        for name in list(weights):
            weights[name.removeprefix("model.")] = weights.pop(name)

    expected = tiny_model("llama").state_dict()[UP]
    assert torch.equal(load(str(make(change=rename)), device="cpu").model.state_dict()[UP], expected)


@pytest.mark.parametrize(
    "change",
    [
        removing("model.layers.0.block_sparse_moe.experts.0.w1.weight"),
        adding(**{"model.layers.0.block_sparse_moe.experts.0.w1.weight": torch.zeros(40, 32)}),
    ],
)
def test_an_expert_that_is_missing_or_of_another_shape_is_named(
    make: Make, change: Callable[[Weights], object]
) -> None:
    assert "model.layers.0.mlp.experts.gate_up_proj" in sentence(make("mixtral", change))
    assert not logging.getLogger("transformers.modeling_utils").handlers


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_broken_values_are_refused_by_the_name_of_their_tensor(make: Make, value: float) -> None:
    text = sentence(make(change=lambda weights: weights[UP].__setitem__((3, 4), value)))
    assert f"1 of 1536 values of {UP} are infinite or not a number" in text


def test_values_that_only_float16_cannot_hold_say_what_to_do(make: Make) -> None:
    folder = make(change=lambda weights: weights[UP].__setitem__((3, 4), 1e5))
    assert "try --dtype bfloat16 or float32" in sentence(folder, dtype="float16")


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.float8_e4m3fn])
def test_quantised_numbers_without_a_quantisation_are_refused(make: Make, dtype: torch.dtype) -> None:
    text = sentence(make(change=adding(**{UP: torch.ones(48, 32).to(dtype)})))
    assert UP in text
    assert "config.json says of no quantisation" in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"quant_method": "magic"}, "by a method called `magic`; the library knows aqlm"),
        ({"bits": 4}, "but does not say how"),
        ({}, "but does not say how"),
        ({"quant_method": "higgs", "group_size": 3}, "is quantised by `higgs` and cannot be loaded so here"),
    ],
)
def test_a_quantisation_that_cannot_be_read_is_named(
    make: Make, settings: dict[str, object], words: str
) -> None:
    assert words in sentence(make(config={"quantization_config": settings}))


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"])
def test_an_adapter_beside_a_model_is_refused(make: Make, name: str) -> None:
    folder = make()
    (folder / name).write_text("{}")
    assert f"holds an adapter ({name}) beside a model: merge it in" in sentence(folder)


def test_an_adapter_alone_is_told_from_a_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    assert "holds an adapter (adapter_config.json) and no model" in sentence(tmp_path)


def test_an_adapter_on_the_hub_is_refused_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [SimpleNamespace(rfilename=name) for name in ("config.json", "adapter_config.json")]
    monkeypatch.setattr(sources, "model_info", lambda *_, **__: SimpleNamespace(siblings=files))
    assert "`owner/name` holds an adapter" in sentence("owner/name")


def test_an_adapter_that_was_fetched_before_is_refused_without_the_hub(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_way(*_: object, **__: object) -> None:
        raise ConnectionError("no route")

    folder = make()
    (folder / "adapter_config.json").write_text("{}")
    monkeypatch.setattr(sources, "model_info", no_way)
    monkeypatch.setattr(sources, "try_to_load_from_cache", lambda *_: str(folder / "config.json"))
    assert "`owner/name` holds an adapter" in sentence("owner/name")


@pytest.fixture
def sharded(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> Path:
    tiny_model("llama").save_pretrained(tmp_path / "tiny", max_shard_size="60kB")
    tokenizer.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


def test_shards_that_are_all_there_load(sharded: Path) -> None:
    assert load(str(sharded), device="cpu").card.layers == 3


def test_a_missing_shard_is_named(sharded: Path) -> None:
    (sharded / "model-00002-of-00003.safetensors").unlink()
    text = sentence(sharded)
    assert "lacks model-00002-of-00003.safetensors" in text
    assert "names 3 files with weights, and 2 are there" in text


@pytest.mark.parametrize("text", ["{", "[]", '{"weight_map": 3}', '{"weight_map": {"a": 1}}'])
def test_an_index_that_is_none_is_named(sharded: Path, text: str) -> None:
    (sharded / "model.safetensors.index.json").write_text(text)
    assert "model.safetensors.index.json is no index of weights" in sentence(sharded)


def test_an_index_that_leaves_a_shard_out_lacks_its_weights(sharded: Path) -> None:
    index = sharded / "model.safetensors.index.json"
    written = json.loads(index.read_text())
    there = written["weight_map"].items()
    written["weight_map"] = {name: file for name, file in there if not file.startswith("model-00002")}
    index.write_text(json.dumps(written))
    assert "lacks weights" in sentence(sharded)


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        (lambda whole: whole[: len(whole) // 2], "is not whole: its header speaks of"),
        (lambda whole: whole + b"more", "is not whole: its header speaks of"),
        (lambda whole: whole[:100], "or cut short: it has 100 bytes"),
        (lambda _: b"", "or cut short: it has 0 bytes"),
        (lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run `git lfs pull`"),
    ],
)
def test_a_file_that_is_not_whole_is_named_with_its_size(
    make: Make, cut: Callable[[bytes], bytes], words: str
) -> None:
    folder = make()
    file = folder / "model.safetensors"
    file.write_bytes(cut(file.read_bytes()))
    text = sentence(folder)
    assert words in text
    assert f"the folder {folder} could not be loaded as a model: {file.name}" in text


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        (lambda whole: whole[:9000], "is cut short at 9000 bytes"),
        (lambda _: b"nonsense", "holds no weights"),
    ],
)
def test_weights_of_the_older_kind_are_read_or_named(
    make: Make, cut: Callable[[bytes], bytes], words: str
) -> None:
    folder = make()
    file = folder / "pytorch_model.bin"
    torch.save(load_file(folder / "model.safetensors"), file)
    (folder / "model.safetensors").unlink()
    assert load(str(folder), device="cpu").card.layers == 3
    file.write_bytes(cut(file.read_bytes()))
    assert words in sentence(folder)


def test_a_model_that_cannot_run_is_no_traceback(make: Make) -> None:
    assert "could not be run" in sentence(make("gptj", rotary_dim=64))
