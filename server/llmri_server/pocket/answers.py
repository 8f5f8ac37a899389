"""Greedy replies to many prompts at once."""

from collections.abc import Sequence
from typing import cast

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from llmri_server.torch_runtime.batches import continue_greedily, encoded


def chat_texts(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str]) -> list[str]:
    """Write each prompt as a conversation of its own, up to where the reply begins."""
    return [
        cast(
            "str",
            tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
            ),
        )
        for prompt in prompts
    ]


def greedy_replies(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], longest: int
) -> list[str]:
    """Return the likeliest reply of at most `longest` tokens to each prompt, special tokens left out."""
    ids = tokenizer(chat_texts(tokenizer, prompts), add_special_tokens=False)["input_ids"]
    return continue_greedily(model, tokenizer, encoded(model, ids), longest)
