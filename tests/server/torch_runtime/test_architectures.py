"""Architectures that no table knows: every site against its module by hand, and against the sums."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import CONFIG_MAPPING, PreTrainedTokenizerFast

from llmri_protocol.messages import Edit
from llmri_server.runtime import CapturePlan
from llmri_server.torch_runtime import TorchRuntime, assemble
from llmri_server.torch_runtime.architectures import known_architecture
from tests.server.torch_runtime.tiny_models import Say, blocks_of, single, tiny_model

SMALL: dict[str, object] = {
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "lru_width", "attention_hidden_size"), 32),
    **dict.fromkeys(("intermediate_size", "n_inner", "ffn_dim", "decoder_ffn_dim", "encoder_ffn_dim"), 48),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size"), 24),
    **dict.fromkeys(("shared_intermediate_size", "expert_intermediate_size"), 24),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "decoder_layers", "encoder_layers"), 3),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "decoder_attention_heads"), 4),
    **dict.fromkeys(("encoder_attention_heads", "num_heads"), 4),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads", "num_experts_per_tok", "moe_k"), 2),
    **dict.fromkeys(("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"), 4),
    **dict.fromkeys(("n_group", "topk_group", "n_shared_experts", "first_k_dense_replace"), 1),
    **dict.fromkeys(("mamba_n_heads", "mamba_d_head", "mamba_d_state", "state_size", "head_dim"), 8),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len", "context_length"), 128),
    **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), 0),
    **dict.fromkeys(("sliding_window", "attention_window_size", "mamba_chunk_size"), 16),
    **dict.fromkeys(("mamba_dt_rank", "time_step_rank", "rotary_dim"), 4),
    **{"vocab_size": 300, "is_decoder": True, "mamba_d_ssm": 64, "mamba_n_groups": 1},
    **{"linear_num_key_heads": 2, "linear_num_value_heads": 4},
    **{"linear_key_head_dim": 8, "linear_value_head_dim": 8},
}
DEPENDENT = ("layer_types", "mlp_layer_types", "layers_block_type")  # lists of a length: made anew
IDS = (5, 9, 2, 7, 3, 250)
INNER = ("resid_mid", "attn_out", "z", "mlp_act", "mlp_out")


@dataclass(frozen=True)
class Known:
    """What a person who read the library's code says of an architecture.

    Attributes:
        sites: The module of each inner site in a block; whose input it is for `resid_mid`, `z` and `mlp_act`.
        factor: What both branches are multiplied with.
        changes: Of the config.
    """

    sites: dict[str, str]
    factor: float = 1.0
    changes: dict[str, object] = field(default_factory=dict)

    @property
    def absent(self) -> tuple[str, ...]:
        return tuple(site for site in INNER if site not in self.sites)


def like_llama(**other: str | None) -> dict[str, str]:
    usual: dict[str, str | None] = {
        "resid_mid": "post_attention_layernorm",
        "attn_out": "self_attn",
        "z": "self_attn.o_proj",
        "mlp_act": "mlp.down_proj",
        "mlp_out": "mlp",
    }
    return {site: module for site, module in (usual | other).items() if module is not None}


MIXTURE = like_llama(mlp_act=None)
PARALLEL = like_llama(resid_mid=None)
BLOOM = {
    "resid_mid": "post_attention_layernorm",
    "attn_out": "self_attention.dense",
    "z": "self_attention.dense",
    "mlp_act": "mlp.dense_4h_to_h",
    "mlp_out": "mlp.dense_4h_to_h",
}
BERT = {
    "resid_mid": "attention.output.LayerNorm",
    "attn_out": "attention.output.dense",
    "z": "attention.output.dense",
    "mlp_act": "output.dense",
}
GPTJ = {"attn_out": "attn", "z": "attn.out_proj", "mlp_act": "mlp.fc_out", "mlp_out": "mlp"}
KNOWN: dict[str, Known] = {
    "arcee": Known(like_llama()),
    "apertus": Known(like_llama(resid_mid="feedforward_layernorm")),
    "bart": Known(
        {
            "resid_mid": "self_attn_layer_norm",
            "attn_out": "self_attn",
            "z": "self_attn.out_proj",
            "mlp_act": "fc2",
        }
    ),
    "bert": Known(BERT),
    "biogpt": Known(
        {
            "resid_mid": "final_layer_norm",
            "attn_out": "self_attn",
            "z": "self_attn.out_proj",
            "mlp_act": "fc2",
            "mlp_out": "fc2",
        }
    ),
    "bloom": Known(BLOOM),
    "codegen": Known(GPTJ),
    "cohere": Known(PARALLEL),
    "cohere2": Known(PARALLEL),
    "dots1": Known(MIXTURE),
    "ernie4_5": Known(like_llama()),
    "ernie4_5_moe": Known(MIXTURE),
    "exaone4": Known(
        like_llama(resid_mid="mlp", attn_out="post_attention_layernorm", mlp_out="post_feedforward_layernorm")
    ),
    "falcon_h1": Known(
        {"resid_mid": "pre_ff_layernorm", "z": "self_attn.o_proj", "mlp_act": "feed_forward.down_proj"}
        | {"mlp_out": "feed_forward"}
    ),
    "falcon_mamba": Known({}),
    "gemma": Known(like_llama()),
    "gemma3_text": Known(
        like_llama(
            resid_mid="pre_feedforward_layernorm",
            attn_out="post_attention_layernorm",
            mlp_out="post_feedforward_layernorm",
        )
    ),
    "glm4": Known(like_llama(attn_out="post_self_attn_layernorm", mlp_out="post_mlp_layernorm")),
    "glm4_moe": Known(MIXTURE),
    "gpt_bigcode": Known(
        {
            "resid_mid": "ln_2",
            "attn_out": "attn",
            "z": "attn.c_proj",
            "mlp_act": "mlp.c_proj",
            "mlp_out": "mlp",
        }
    ),
    "gptj": Known(GPTJ),
    "granitemoe": Known(
        like_llama(mlp_act=None, mlp_out="block_sparse_moe"), 0.22, {"residual_multiplier": 0.22}
    ),
    "granitemoeshared": Known(like_llama(mlp_act=None, mlp_out=None), 0.22, {"residual_multiplier": 0.22}),
    "jamba": Known({"resid_mid": "pre_ff_layernorm", "mlp_out": "feed_forward"}),
    "llama4_text": Known(
        like_llama(mlp_act=None, mlp_out="feed_forward"), changes={"interleave_moe_layer_step": 2}
    ),
    "mamba": Known({}),
    "mpt": Known(
        {"resid_mid": "norm_2", "attn_out": "attn", "z": "attn.out_proj", "mlp_act": "ffn.down_proj"}
        | {"mlp_out": "ffn.down_proj"}
    ),
    "nemotron": Known(like_llama()),
    "olmo": Known(like_llama()),
    "olmoe": Known(MIXTURE),
    "persimmon": Known(like_llama(z="self_attn.dense", mlp_act="mlp.dense_4h_to_h")),
    "phi": Known(like_llama(resid_mid=None, z="self_attn.dense", mlp_act="mlp.fc2")),
    "qwen2_moe": Known(MIXTURE, changes={"decoder_sparse_step": 2}),
    "qwen3_moe": Known(MIXTURE, changes={"mlp_only_layers": [1]}),
    "recurrent_gemma": Known(
        {"resid_mid": "channel_pre_norm", "mlp_act": "mlp_block.down_proj", "mlp_out": "mlp_block"}
    ),
    "roberta": Known(BERT),
    "smollm3": Known(like_llama()),
    "starcoder2": Known(like_llama(mlp_act="mlp.c_proj")),
}


def runtime_of(
    kind: str, tokenizer: PreTrainedTokenizerFast, dtype: torch.dtype = torch.float32, **changes: Any
) -> TorchRuntime:
    base = CONFIG_MAPPING[kind]()
    small = {key: value for key, value in SMALL.items() if hasattr(base, key)}
    anew = {key: None for key in DEPENDENT if isinstance(vars(base).get(key), list)}
    known = KNOWN[kind].changes if kind in KNOWN else {}
    model = tiny_model(kind, dtype, **{**small, **anew, **known, **changes})
    return assemble(model, tokenizer, name=kind)


def recorded(runtime: TorchRuntime) -> dict[str, Tensor]:
    """Return every site of one pass, `[positions, layers, width]`."""
    ids = torch.tensor([list(IDS)])
    rows = {}
    for site in runtime.card.sites:
        with runtime.record(site.name) as recording, torch.no_grad():
            runtime.model(ids, use_cache=False)
        rows[site.name] = torch.from_numpy(recording.rows)
    return rows


@pytest.mark.parametrize("kind", KNOWN)
def test_every_site_is_where_the_librarys_code_has_it(kind: str, tokenizer: PreTrainedTokenizerFast) -> None:
    known = KNOWN[kind]
    assert known_architecture(kind) is None
    runtime = runtime_of(kind, tokenizer)
    assert tuple(site for site in runtime.card.absent if site in INNER) == known.absent
    assert {"resid_pre", "resid_post"} <= {site.name for site in runtime.card.sites}
    for site, path in known.sites.items():
        taps = runtime._sites[site].taps
        blocks = [next(each for each in runtime.model.modules() if _holds(each, path, tap)) for tap in taps]
        assert len(set(map(id, blocks))) == runtime.card.layers, site
        side = "input" if site in ("resid_mid", "z", "mlp_act") else "output"
        assert {tap.side for tap in taps} == {side}
        branch = site in ("attn_out", "mlp_out")
        assert [tap.factor or 1.0 for tap in taps] == [known.factor if branch else 1.0] * len(taps), site


def _holds(module: Any, path: str, tap: Any) -> bool:
    return dict(module.named_modules(remove_duplicate=False)).get(path) is tap.module


@pytest.mark.parametrize("kind", KNOWN)
def test_what_is_shown_adds_up_and_is_what_a_block_gets_and_gives(
    kind: str, tokenizer: PreTrainedTokenizerFast
) -> None:
    runtime = runtime_of(kind, tokenizer)
    rows = recorded(runtime)
    assert torch.equal(rows["resid_pre"][:, 1:], rows["resid_post"][:, :-1])
    sums: list[tuple[str, ...]] = [
        ("resid_mid", "resid_pre", "attn_out"),
        ("resid_post", "resid_mid", "mlp_out"),
    ]
    if "resid_mid" not in rows:
        sums = [("resid_post", "resid_pre", "attn_out", "mlp_out")]
    for total, *parts in sums:
        if {total, *parts} <= rows.keys():
            torch.testing.assert_close(rows[total], sum(rows[part] for part in parts), rtol=1e-4, atol=1e-4)
    for inner, branch in (("z", "attn_out"), ("mlp_act", "mlp_out")):
        if inner in rows and branch in rows and "norm" not in KNOWN[kind].sites[branch]:
            factor = KNOWN[kind].factor
            for layer, tap in enumerate(runtime._sites[inner].taps):
                with torch.no_grad():
                    written = tap.module(rows[inner][:, layer]) * factor
                torch.testing.assert_close(written, rows[branch][:, layer], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("rwkv", {"num_hidden_layers": 7}), ("mamba2", {"num_heads": 8, "n_groups": 1}), ("mamba", {})],
)
def test_blocks_without_attention_show_the_stream(
    kind: str, changes: dict[str, object], tokenizer: PreTrainedTokenizerFast
) -> None:
    runtime = runtime_of(kind, tokenizer, torch.float32, **changes)
    rows = recorded(runtime)
    blocks = blocks_of(runtime.model)
    assert len(blocks) == runtime.card.layers == rows["resid_pre"].shape[1]
    seen: list[Tensor] = []
    for block in blocks:
        block.register_forward_pre_hook(lambda _m, args: seen.append(args[0][0].clone()))
        block.register_forward_hook(lambda _m, _a, out: seen.append(single(out)[0].clone()))
    with torch.no_grad():
        runtime.model(torch.tensor([list(IDS)]), use_cache=False)
    assert torch.equal(rows["resid_pre"], torch.stack(seen[::2], dim=1))
    assert torch.equal(rows["resid_post"], torch.stack(seen[1::2], dim=1))


@pytest.mark.parametrize(
    ("kind", "changes", "factor"),
    [
        ("minicpm3", {"scale_depth": 1.4}, 1.4 / 3**0.5),
        ("hyperclovax", {"residual_multiplier": 0.3}, 0.3),
        ("granitemoehybrid", {"residual_multiplier": 0.3, "layer_types": ["attention"] * 3}, 0.3),
    ],
)
def test_the_number_that_branches_are_multiplied_with_is_found(
    kind: str, changes: dict[str, object], factor: float, tokenizer: PreTrainedTokenizerFast
) -> None:
    mla = {"num_key_value_heads": 4, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8}
    runtime = runtime_of(kind, tokenizer, torch.float32, **(mla | changes if kind == "minicpm3" else changes))
    assert [tap.factor for tap in runtime._sites["attn_out"].taps] == pytest.approx([factor] * 3, rel=1e-6)
    rows = recorded(runtime)
    torch.testing.assert_close(rows["resid_mid"], rows["resid_pre"] + rows["attn_out"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["bloom", "granitemoe", "mpt", "glm4_moe"])
def test_sites_are_found_in_half_precision_too(kind: str, tokenizer: PreTrainedTokenizerFast) -> None:
    runtime = runtime_of(kind, tokenizer, torch.bfloat16)
    assert runtime.card.absent == KNOWN[kind].absent
    if "attn_out" in KNOWN[kind].sites:
        assert (runtime._sites["attn_out"].taps[0].factor or 1.0) == KNOWN[kind].factor


@pytest.mark.parametrize("kind", ["glm4_moe", "ernie4_5_moe", "llama4_text", "qwen2_moe", "qwen3_moe"])
def test_dense_and_mixture_layers_may_alternate(
    kind: str, tokenizer: PreTrainedTokenizerFast, say: Say, everything: Callable[[TorchRuntime], CapturePlan]
) -> None:
    runtime = runtime_of(kind, tokenizer)
    runtime.capture(everything(runtime))
    seen: dict[int, list[Tensor]] = {}
    blocks = runtime.model.model.layers
    assert len({type(_mlp(block)) for block in blocks}) > 1
    for layer, block in enumerate(blocks):
        kept = seen.setdefault(layer, [])
        _mlp(block).register_forward_hook(
            lambda _m, _a, out, kept=kept: kept.append(single(out).reshape(-1, 32).clone())
        )
    turn = say(runtime, "the cat", max_new_tokens=3)
    assert turn.outcome.tokens == 3
    scans = [scan for scan in turn.listener.scans if scan.site == "mlp_out"]
    assert len(scans) == len(turn.listener.tokens) - 1
    for scan in scans:
        expected = torch.stack([torch.cat(seen[layer])[scan.number] for layer in scan.layers])
        assert torch.equal(torch.from_numpy(scan.rows), expected)


def _mlp(block: Any) -> Any:
    return getattr(block, "mlp", None) or block.feed_forward


def test_an_edit_of_a_site_that_is_added_inside_a_module_reaches_the_stream(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    runtime = runtime_of("bloom", tokenizer)
    runtime.apply_edits([Edit(site="mlp_out", layer=1, units=(3,), op="set", value=5.0)])
    rows = {}
    for site in ("resid_mid", "resid_post"):
        with runtime.record(site, [1]) as recording, torch.no_grad():
            runtime.model(torch.tensor([[5, 6, 7]]))
        rows[site] = recording.rows[:, 0, 3]
    assert rows["resid_post"] - rows["resid_mid"] == pytest.approx([5.0] * 3, abs=1e-5)


def test_an_absent_site_is_told_with_its_reason(
    tokenizer: PreTrainedTokenizerFast, caplog: pytest.LogCaptureFixture
) -> None:
    runtime_of("glm4_moe", tokenizer)
    assert caplog.messages == [
        "no mlp_act in glm4_moe: layers 1, 2: no one linear layer gives what an MLP writes, "
        "as in a mixture of experts"
    ]
