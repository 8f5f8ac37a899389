"""The sizes that the tiny models share, in the words of transformers and in those of GGUF."""

from typing import Any

from tests.server.llama_runtime.families.family import Value

LAYERS, WIDTH, HEADS, KEY_HEADS, HEAD, NEURONS, CONTEXT, VOCABULARY = 3, 64, 4, 2, 16, 96, 128, 260
EXPERTS, USED, EXPERT_NEURONS = 4, 2, 32

PLAIN = {"rope_type": "default", "rope_theta": 10000.0}
MODEL: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": CONTEXT,
    "pad_token_id": 259,
    "eos_token_id": 258,
    "bos_token_id": 257,
}
LLAMA_LIKE: dict[str, Any] = MODEL | {"intermediate_size": NEURONS, "num_key_value_heads": KEY_HEADS}
ROOT: dict[str, Any] = {"rms_norm_eps": 1e-6}

CHOICE: dict[str, Any] = {
    "num_experts": EXPERTS,
    "num_experts_per_tok": USED,
    "moe_intermediate_size": EXPERT_NEURONS,
}

FILE: dict[str, Value] = {
    "context_length": CONTEXT,
    "embedding_length": WIDTH,
    "block_count": LAYERS,
    "attention.head_count": HEADS,
    "attention.head_count_kv": KEY_HEADS,
    "feed_forward_length": NEURONS,
    "rope.freq_base": 10000.0,
}
RMS: dict[str, Value] = {"attention.layer_norm_rms_epsilon": 1e-6}
LAYER_NORM: dict[str, Value] = {"attention.layer_norm_epsilon": 1e-5}
OWN_KEYS: dict[str, Value] = {"attention.head_count_kv": HEADS}  # each head has its own
MIXTURE: dict[str, Value] = {
    "expert_count": EXPERTS,
    "expert_used_count": USED,
    "expert_feed_forward_length": EXPERT_NEURONS,
}
