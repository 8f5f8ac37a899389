"""Many sequences in one batch, and greedy replies to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, eq=False)
class EncodedPrompts:
    """Prompts as the model reads them, padded on the left: `ids` and `mask` are `[prompts, tokens]`."""

    ids: Tensor
    mask: Tensor


def encoded(model: PreTrainedModel, prompts: Sequence[Sequence[int]]) -> EncodedPrompts:
    """Return conversations that are ready for the reply as one batch, on the model's device."""
    ids, mask = padded(prompts, "left")
    return EncodedPrompts(ids.to(model.device), mask.to(model.device))


def padded(rows: Sequence[Sequence[int]], side: Literal["left", "right"]) -> tuple[Tensor, Tensor]:
    """Return token ids and their mask, `[rows, longest]` each; some tokenizers cannot pad."""
    whole = [torch.tensor(row, dtype=torch.int64) for row in rows]
    ids, mask = (
        pad_sequence(parts, batch_first=True, padding_side=side)
        for parts in (whole, [torch.ones_like(row) for row in whole])
    )
    return ids, mask


def continue_greedily(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: EncodedPrompts, longest: int
) -> list[str]:
    """Return the likeliest reply of at most `longest` tokens to each prompt, special tokens left out."""
    with torch.inference_mode():
        output = model.generate(  # type: ignore[operator]
            input_ids=prompts.ids, attention_mask=prompts.mask, max_new_tokens=longest, do_sample=False
        )
    replies = output[:, prompts.ids.shape[1] :]
    texts: list[str] = tokenizer.batch_decode(replies, skip_special_tokens=True)
    return texts
