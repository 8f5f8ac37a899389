"""The models that are measured."""

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from llmri_server.torch_runtime import TorchRuntime, assemble, load

SEED = 0


def llama_16_by_2048() -> TorchRuntime:
    """Return a Llama of 16 layers x 2048 in bfloat16 with random weights: 0.85 billion, 1.7 GB."""
    return random_llama(
        LlamaConfig(
            vocab_size=32000,
            hidden_size=2048,
            intermediate_size=5632,
            num_hidden_layers=16,
            num_attention_heads=32,
            num_key_value_heads=8,
            max_position_embeddings=2048,
            bos_token_id=None,
            eos_token_id=None,
        ),
        torch.bfloat16,
    )


def random_llama(config: LlamaConfig, dtype: torch.dtype) -> TorchRuntime:
    """Return a Llama with random weights, whose words are numbers; no token ends a turn."""
    torch.manual_seed(SEED)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        model = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    words = Tokenizer(WordLevel({str(number): number for number in range(config.vocab_size)}, unk_token="0"))
    words.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words)  # type: ignore[no-untyped-call]
    return assemble(model, tokenizer, name="random")


def pocket() -> TorchRuntime:
    """Return the bundled model, as the server loads it."""
    return load("pocket")
