"""Greedy replies to many prompts at once."""

from collections.abc import Sequence
from typing import cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

LONGEST_REPLY = 128


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
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    longest: int = LONGEST_REPLY,
) -> list[str]:
    """Give the likeliest reply of at most `longest` tokens to each prompt, special tokens left out."""
    encoded = tokenizer(
        chat_texts(tokenizer, prompts),
        return_tensors="pt",
        padding=True,
        padding_side="left",
        add_special_tokens=False,
    ).to(model.device)
    with torch.inference_mode():
        output = model.generate(  # type: ignore[operator]
            input_ids=encoded["input_ids"],
            attention_mask=encoded["attention_mask"],
            max_new_tokens=longest,
            do_sample=False,
        )
    replies = output[:, encoded["input_ids"].shape[1] :]
    texts: list[str] = tokenizer.batch_decode(replies, skip_special_tokens=True)
    return texts
