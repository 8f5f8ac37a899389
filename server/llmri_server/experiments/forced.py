"""The model's distributions where it decides a given reply, in two passes: the prompt, then the reply.

Two, because an edit of the prompt alone, or of the reply alone, must find them apart. Behind a state that
only a single token may follow, the reply takes a pass a token.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from llmri_server.pocket.answers import EncodedPrompts, chat_texts, encode, padded


@dataclass(frozen=True, eq=False)
class Forced:
    """Prompts, and the replies they are continued with: `ids` and `mask` are `[prompts, tokens]`.

    Replies are padded on the right, so that prompt and reply meet.
    """

    prompts: EncodedPrompts
    ids: Tensor
    mask: Tensor

    @property
    def deciding(self) -> Tensor:
        """Which of `tokens + 1` positions count, the prompt's last one first: `[prompts, tokens + 1]`."""
        return torch.cat([torch.ones_like(self.mask[:, :1]), self.mask], dim=1)


def force(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], replies: Sequence[str]
) -> Forced:
    """Encode prompts with the replies they shall have."""
    texts = chat_texts(tokenizer, prompts)
    lengths = [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
    whole = [text + reply for text, reply in zip(texts, replies, strict=True)]
    encoded = tokenizer(whole, add_special_tokens=False)["input_ids"]
    said = [ids[length:] for ids, length in zip(encoded, lengths, strict=True)]
    ids, mask = padded(said, "right")
    return Forced(encode(model, tokenizer, texts), ids.to(model.device), mask.to(model.device))


def logits(model: PreTrainedModel, forced: Forced, *, at_once: bool = True) -> Tensor:
    """Return the logits where the reply is decided, `[prompts, tokens + 1, vocabulary]` float32.

    Args:
        model: The model.
        forced: What it reads.
        at_once: Whether several tokens may follow on the prompt's state.
    """
    prompts = forced.prompts
    places = prompts.mask.cumsum(dim=1) - 1
    ends = places[:, -1:]
    last_only = {"logits_to_keep": 1} if _keeps_logits(model) else {}
    with torch.inference_mode():
        read = model(
            input_ids=prompts.ids,
            attention_mask=prompts.mask,
            position_ids=places.clamp(min=0),
            use_cache=True,
            **last_only,
        )
        mask = torch.cat([prompts.mask, forced.mask], dim=1)
        length, given, cache = forced.ids.shape[1], [read.logits[:, -1:]], read.past_key_values
        size = length if at_once else 1
        for start in range(0, length, size):
            stop = start + size
            written = model(
                input_ids=forced.ids[:, start:stop],
                attention_mask=mask[:, : prompts.mask.shape[1] + stop],
                position_ids=ends + 1 + torch.arange(start, stop, device=ends.device),
                past_key_values=cache,
                use_cache=True,
            )
            given.append(written.logits)
            cache = written.past_key_values
        return torch.cat(given, dim=1).float()


def _keeps_logits(model: PreTrainedModel) -> bool:
    return "logits_to_keep" in inspect.signature(model.forward).parameters
