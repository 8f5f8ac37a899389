"""Which edit made the model's logits infinite or not a number, found by computing them again."""

import inspect
from collections.abc import Callable, Sequence

import torch
from transformers import PreTrainedModel

from llmri_protocol.messages import Edit
from llmri_server.torch_runtime.instruments import Instruments

BROKEN = "infinite or not a number"


def who_broke(
    model: PreTrainedModel,
    instruments: Instruments,
    ids: Sequence[int],
    edits: Sequence[Edit],
    *,
    prompt: int | None,
) -> str:
    """Say who broke the logits after these tokens: an edit, named, or the model itself.

    The edits are tried from the first on, in few passes: the one that is named breaks the logits with those
    before it, which alone do not.
    """

    def broken_by(some: Sequence[Edit]) -> bool:
        return breaks(model, instruments, ids, some, prompt=prompt)

    if broken_by(()):
        return f"without any edit the model's own logits are {BROKEN}"
    if not edits or not broken_by(edits):
        return f"the logits became {BROKEN} under {len(edits)} edits, but not when they were computed again"
    number = _first_breaking(edits, broken_by)
    edit = edits[number - 1]
    place = f"`{edit.site}`, layer {edit.layer}, {_action(edit)}"
    return f"edit {number} of {len(edits)} ({place}) made the logits {BROKEN}"


def _first_breaking(edits: Sequence[Edit], broken_by: Callable[[Sequence[Edit]], bool]) -> int:
    """Give how many edits it takes, counted from the first, by bisection; all of them do."""
    fine, broken = 0, len(edits)
    while broken - fine > 1:
        middle = (fine + broken) // 2
        if broken_by(edits[:middle]):
            broken = middle
        else:
            fine = middle
    return broken


def breaks(
    model: PreTrainedModel,
    instruments: Instruments,
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
    """Give the argument by which a model computes the last position's logits only, if it has one."""
    return {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}


def _action(edit: Edit) -> str:
    return edit.op if edit.op in ("mean", "resample") else f"{edit.op} {edit.value:g}"
