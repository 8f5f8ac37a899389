"""The model's distributions where it decides a given reply, in two passes: the prompt, then the reply.

Two, because an edit of the prompt alone, or of the reply alone, must find them apart. Behind a state that
only a single token may follow, the reply takes a pass a token.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from llmri_protocol.messages import Edit
from llmri_server.edits.wording import in_words
from llmri_server.runtime import GivenReply, NonFiniteError, RepliesRead
from llmri_server.torch_runtime.batches import EncodedPrompts, encoded, padded


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


def force(model: PreTrainedModel, given: Sequence[GivenReply]) -> Forced:
    """Return prompts with the replies they shall have as a batch."""
    ids, mask = padded([each.reply for each in given], "right")
    prompts = encoded(model, [each.prompt for each in given])
    return Forced(prompts, ids.to(model.device), mask.to(model.device))


def read_forced(
    model: PreTrainedModel,
    forced: Forced,
    edits: Sequence[Edit],
    against: RepliesRead | None,
    *,
    at_once: bool,
) -> RepliesRead:
    """Return losses and divergences; see `Runtime.read_replies`. The passes feel what is attached.

    Args:
        model: The model.
        forced: What it reads.
        edits: What is attached, for the words of an error.
        against: What the same replies gave under other edits.
        at_once: Whether several tokens may follow on the prompt's state.

    Raises:
        NonFiniteError: A logit that decides a reply is infinite or not a number.
    """
    raw = logits(model, forced, at_once=at_once)
    if not torch.isfinite(raw[forced.deciding.bool()]).all():
        raise NonFiniteError(f"the logits are infinite or not a number under {in_words(edits)}")
    moved = raw.log_softmax(dim=-1)
    kl = None if against is None else _divergence(forced, against, moved).double().cpu().numpy()
    return RepliesRead(_loss(forced, moved).double().cpu().numpy(), kl, moved)


def deciding_rows(given: Sequence[GivenReply]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Say of each position of a batch padded on the right whether a reply is decided there, flattened."""
    longest = max(len(each.prompt) + len(each.reply) for each in given)
    deciding = np.zeros((len(given), longest), dtype=np.bool_)
    for row, each in zip(deciding, given, strict=True):
        row[len(each.prompt) - 1 : len(each.prompt) + len(each.reply)] = True
    return deciding.ravel()


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


def _loss(forced: Forced, log_probabilities: Tensor) -> Tensor:
    """Mean -log p of each reply's tokens, `[replies]`."""
    mask = forced.mask
    said = log_probabilities[:, :-1].gather(2, forced.ids.unsqueeze(2)).squeeze(2)
    return -(said * mask).sum(dim=1) / mask.sum(dim=1)


def _divergence(forced: Forced, against: RepliesRead, moved: Tensor) -> Tensor:
    """Mean KL(against || moved) of each reply's deciding positions, `[replies]`."""
    untouched, deciding = against.distributions, forced.deciding
    if not isinstance(untouched, Tensor):
        raise TypeError("replies are held against what another engine read")
    each = (untouched.exp() * (untouched - moved)).sum(dim=2)
    # Rounding may leave a divergence of nothing just below it.
    return ((each * deciding).sum(dim=1) / deciding.sum(dim=1)).clamp(min=0)
