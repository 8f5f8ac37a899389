"""Tiny random models whose state is recurrent, and a vocabulary whose texts have one way to be tokens."""

from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tests.server.torch_runtime.tiny_models import LLAMA_LIKE, SPECIALS, TEMPLATE, VOCABULARY

BYTES = [chr(code if 32 < code < 127 else 256 + code) for code in range(256)]
WORDS = [first + second for first in "abcdefgh" for second in "mnopqrst"]  # never two ways to cut
SSM: dict[str, object] = {
    "mamba_d_state": 8,
    "mamba_n_heads": 8,
    "mamba_d_head": 8,
    "mamba_n_groups": 1,
    "mamba_chunk_size": 8,
}
SHORT_WINDOW: dict[str, object] = {"sliding_window": 8}

# Of each kind of state one or two, with what `tiny_model` needs beyond its own configs.
RECURRENT: dict[str, dict[str, object]] = {
    "jamba": {
        "num_hidden_layers": 4,
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
        "num_experts": 2,
        "mamba_d_state": 8,
        "mamba_dt_rank": 4,
    },
    "bamba": SSM | {"attn_layer_indices": [1]},
    "lfm2": {"layer_types": ["conv", "full_attention", "conv"], "block_multiple_of": 8},
    "recurrent_gemma": {"lru_width": 32, "intermediate_size": 96, "attention_window_size": 8},
    "mamba": {"state_size": 8},
    "mamba2": {"num_heads": 4, "head_dim": 16, "n_groups": 1, "state_size": 8, "chunk_size": 8},
    "falcon_mamba": {"state_size": 8},
    "rwkv": {"attention_hidden_size": 32, "context_length": 512},
    "minimax": {
        "num_local_experts": 2,
        "layer_types": ["linear_attention", "full_attention", "linear_attention"],
        "block_size": 8,
    },
    "mistral": SHORT_WINDOW,
    "gemma2": SHORT_WINDOW,
    "llama4_text": {
        "intermediate_size_mlp": 48,
        "num_local_experts": 2,
        "attention_chunk_size": 8,
        "layer_types": ["chunked_attention", "chunked_attention", "full_attention"],
    },
    "llama": LLAMA_LIKE,
}


def word_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer whose every token but the marks is a word of two letters."""
    letters = "abcdefghijklmnopqr"
    words = [first + second for first in letters for second in letters][: VOCABULARY - len(SPECIALS)]
    numbers = {word: number for number, word in enumerate([*SPECIALS, *words])}
    core = Tokenizer(models.WordLevel(numbers, unk_token="aa"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(".."), "isolated")
    core.decoder = decoders.Fuse()
    core.add_special_tokens([AddedToken(token, special=True) for token in SPECIALS])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=core,
        eos_token=SPECIALS[0],
        additional_special_tokens=SPECIALS[1:],
        chat_template=TEMPLATE,
        model_max_length=100_000,
    )


def mamba_gguf(path: Path, *, layers: int = 3, width: int = 32, state: int = 8) -> Path:
    """Write a random Mamba that only says `WORDS`."""
    rng = np.random.default_rng(5)
    inner, rank, kernel = 2 * width, 4, 4

    def random(*shape: int) -> npt.NDArray[np.float32]:
        return (0.3 * rng.normal(size=shape)).astype(np.float32)

    words = np.zeros((256 + len(WORDS) + 1, width), np.float32)
    words[256:-1] = 3 * random(len(WORDS), width)
    tensors = {"token_embd": random(*words.shape), "output_norm": 1 + random(width), "output": words}
    for layer in range(layers):
        tensors |= {
            f"blk.{layer}.{name}": values
            for name, values in {
                "attn_norm": 1 + random(width),
                "ssm_in": random(2 * inner, width),
                "ssm_conv1d": random(inner, kernel),
                "ssm_x": random(rank + 2 * state, inner),
                "ssm_dt": random(inner, rank),
                "ssm_out": random(width, inner),
            }.items()
        }
    tensors = {f"{name}.weight": values for name, values in tensors.items()}
    for layer in range(layers):
        tensors[f"blk.{layer}.ssm_conv1d.bias"] = random(inner)
        tensors[f"blk.{layer}.ssm_dt.bias"] = random(inner)
        tensors[f"blk.{layer}.ssm_a"] = -np.exp(random(inner, state))
        tensors[f"blk.{layer}.ssm_d"] = 1 + random(inner)
    writer = gguf.GGUFWriter(path, "mamba")
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(layers)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*BYTES, *WORDS, "<end>"])
    writer.add_token_types([gguf.TokenType.NORMAL] * (len(words) - 1) + [gguf.TokenType.CONTROL])
    writer.add_token_merges([" ".join(word) for word in WORDS])
    writer.add_bos_token_id(len(words) - 1)
    writer.add_eos_token_id(len(words) - 1)
    writer.add_add_bos_token(False)
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
