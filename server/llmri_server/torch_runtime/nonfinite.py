"""Whether some edits make the model's logits infinite or not a number, found by computing them again."""

import inspect
from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from llmri_protocol.messages import Edit
from llmri_server.torch_runtime.hook_manager import HookManager


def breaks(
    model: PreTrainedModel,
    instruments: HookManager,
    ids: Sequence[int],
    edits: Sequence[Edit],
    *,
    prompt: int | None,
) -> bool:
    """Whether the logits after these tokens are infinite or not a number under these edits alone."""
    tokens = torch.tensor([list(ids)], device=model.device)
    with torch.no_grad(), instruments.attached(recorded=(), variants=[edits], prompt=prompt):
        logits = model(tokens, use_cache=False, **few_logits(model)).logits[:, -1]
    return not bool(logits.isfinite().all())


def few_logits(model: PreTrainedModel) -> dict[str, int]:
    """Return the argument by which a model computes the last position's logits only, if it has one."""
    return {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
