"""Tiny random models of every architecture in the table, a byte-level tokenizer, and a sink that listens."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from llmri_server.runtime import ChatMessage, ScanEvent, TokenEvent, TurnOutcome
from llmri_server.torch_runtime import TorchRuntime

LAYERS, HIDDEN, VOCABULARY = 3, 32, 300
SPECIALS = ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
LLAMA_LIKE: dict[str, object] = {
    "hidden_size": HIDDEN,
    "intermediate_size": 48,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
}
CONFIGS: dict[str, dict[str, object]] = {
    "llama": LLAMA_LIKE,
    "qwen2": LLAMA_LIKE,
    "qwen3": LLAMA_LIKE,
    "mistral": LLAMA_LIKE | {"sliding_window": None},
    "mixtral": LLAMA_LIKE | {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None},
    "phi3": LLAMA_LIKE,
    "gemma2": LLAMA_LIKE | {"query_pre_attn_scalar": 8, "sliding_window": 16},
    "granite": LLAMA_LIKE | {"residual_multiplier": 0.22, "embedding_multiplier": 12.0},
    "gpt2": {
        "n_embd": HIDDEN,
        "n_layer": LAYERS,
        "n_head": 4,
        "vocab_size": VOCABULARY,
        "n_positions": 128,
    },
    "gpt_neox": LLAMA_LIKE,
    "opt": {
        "hidden_size": HIDDEN,
        "ffn_dim": 48,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 128,
        "word_embed_proj_dim": HIDDEN,
        "pad_token_id": 0,
    },
    "falcon": {
        "hidden_size": HIDDEN,
        "ffn_hidden_size": 48,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 128,
        "bias": True,
    },
}


def tiny_model(kind: str, dtype: torch.dtype = torch.float32, **changes: object) -> PreTrainedModel:
    """Make a random model; norms and biases are random too, so that nothing is equal by accident."""
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    config = AutoConfig.for_model(kind, **{**ends, **CONFIGS.get(kind, LLAMA_LIKE), **changes})
    torch.manual_seed(hash_of(kind))
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.to(dtype).eval()  # type: ignore[no-any-return, arg-type]


def hash_of(kind: str) -> int:
    return sum(map(ord, kind))


def byte_tokenizer(template: str | None = TEMPLATE) -> PreTrainedTokenizerFast:
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(token, special=True) for token in SPECIALS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(["the cat sat on the mat with the other cat"] * 3, trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=core,
        eos_token=SPECIALS[0],
        additional_special_tokens=SPECIALS[1:],
        chat_template=template,
        model_max_length=100_000,
    )


class Listener:
    """A sink that keeps everything in order."""

    def __init__(self) -> None:
        self.events: list[TokenEvent | ScanEvent] = []

    def token(self, event: TokenEvent) -> None:
        self.events.append(event)

    def scan(self, event: ScanEvent) -> None:
        self.events.append(event)

    @property
    def tokens(self) -> list[TokenEvent]:
        return [event for event in self.events if isinstance(event, TokenEvent)]

    @property
    def scans(self) -> list[ScanEvent]:
        return [event for event in self.events if isinstance(event, ScanEvent)]


@dataclass
class Turn:
    """What a turn gave."""

    outcome: TurnOutcome
    listener: Listener


def user(text: str) -> ChatMessage:
    return {"role": "user", "content": text}


def assistant(text: str) -> ChatMessage:
    return {"role": "assistant", "content": text}


def system(text: str) -> ChatMessage:
    return {"role": "system", "content": text}


def blocks_of(model: PreTrainedModel) -> list[nn.Module]:
    """Return the blocks of any of these models: the only list of modules there is."""
    return list(next(module for module in model.modules() if isinstance(module, nn.ModuleList)))


def single(value: Any) -> torch.Tensor:
    """Return the tensor of a hook's arguments or output, tuple or not."""
    tensor: torch.Tensor = value[0] if isinstance(value, tuple) else value
    return tensor


MakeRuntime = Callable[..., TorchRuntime]
Say = Callable[..., Turn]
