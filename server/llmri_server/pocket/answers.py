"""Greedy replies to many prompts at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
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


@dataclass(frozen=True, eq=False)
class EncodedPrompts:
    """Prompts as the model reads them, padded on the left: `ids` and `mask` are `[prompts, tokens]`."""

    ids: Tensor
    mask: Tensor


def encode(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> EncodedPrompts:
    """Encode conversations that are ready for the reply, on the model's device."""
    ids, mask = padded(tokenizer(list(texts), add_special_tokens=False)["input_ids"], "left")
    return EncodedPrompts(ids.to(model.device), mask.to(model.device))


def padded(rows: Sequence[Sequence[int]], side: Literal["left", "right"]) -> tuple[Tensor, Tensor]:
    """Return token ids and their mask, `[rows, longest]` each; some tokenizers cannot pad."""
    whole = [torch.tensor(row, dtype=torch.int64) for row in rows]
    ids, mask = (
        pad_sequence(parts, batch_first=True, padding_side=side)
        for parts in (whole, [torch.ones_like(row) for row in whole])
    )
    return ids, mask


def greedy_replies(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    longest: int = LONGEST_REPLY,
) -> list[str]:
    """Return the likeliest reply of at most `longest` tokens to each prompt, special tokens left out."""
    encoded = encode(model, tokenizer, chat_texts(tokenizer, prompts))
    return continue_greedily(model, tokenizer, encoded, longest)


def continue_greedily(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: EncodedPrompts, longest: int
) -> list[str]:
    """Do the same for prompts that are encoded already."""
    with torch.inference_mode():
        output = model.generate(  # type: ignore[operator]
            input_ids=prompts.ids, attention_mask=prompts.mask, max_new_tokens=longest, do_sample=False
        )
    replies = output[:, prompts.ids.shape[1] :]
    texts: list[str] = tokenizer.batch_decode(replies, skip_special_tokens=True)
    return texts
