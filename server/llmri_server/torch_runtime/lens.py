"""The logits that each layer's output would give, were it the last one."""

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import PreTrainedModel

from llmri_protocol.messages import Edit
from llmri_server.edits.wording import in_words
from llmri_server.runtime import NonFiniteError
from llmri_server.torch_runtime.hook_manager import HookManager
from llmri_server.torch_runtime.measuring import last_logits
from llmri_server.torch_runtime.probe import observe
from llmri_server.torch_runtime.taps import Site, Tap, put, read


def lens(
    model: PreTrainedModel,
    instruments: HookManager,
    site: Site,
    ids: Sequence[int],
    edits: Sequence[Edit],
    *,
    prompt: int | None,
) -> npt.NDArray[np.float32]:
    """Return the logits of every layer at the last position, `[layers, vocabulary]`; see `LensRuntime.lens`.

    A second pass over one position, a layer a row of the batch, has the rows in place of the last block's
    output: whatever the model does from there on, norm, unembedding, scaling or softcapping, it does to all.

    Args:
        model: The model.
        instruments: Its instruments.
        site: `resid_post`.
        ids: The sequence.
        edits: The edits of the first pass.
        prompt: How many first positions count as prompt; None counts all.

    Raises:
        NonFiniteError: A logit is infinite or not a number.
    """
    rows: list[Tensor] = []
    with torch.inference_mode():
        with ExitStack() as hooks, instruments.attached(recorded=(), variants=[edits], prompt=prompt):
            for tap in site.taps:
                hooks.callback(observe(tap, _LastRow(tap, site.width, rows)).remove)
            last_logits(model, torch.tensor([list(ids)], device=model.device), 1)
        logits = _from_last(model, site.taps[-1], torch.stack(rows), ids[-1])
        given: npt.NDArray[np.float32] = logits.float().cpu().numpy()
    if not np.isfinite(given).all():
        raise NonFiniteError(f"a layer's logits are infinite or not a number under {in_words(edits)}")
    return given


def _from_last(model: PreTrainedModel, tap: Tap, rows: Tensor, token: int) -> Tensor:
    """The logits of rows `[batch, width]` in place of the last block's output, `[batch, vocabulary]`."""

    def replace(_module: object, *values: object) -> object:
        value = values[-1]
        return put(tap, value, rows.reshape(read(tap, value).shape))

    register = (
        tap.module.register_forward_pre_hook if tap.side == "input" else tap.module.register_forward_hook
    )
    handle = register(replace)
    try:
        return last_logits(model, torch.full((len(rows), 1), token, device=model.device), 1)[:, 0]
    finally:
        handle.remove()


class _LastRow:
    """Keeps what a tap has at the last position."""

    def __init__(self, tap: Tap, width: int, rows: list[Tensor]) -> None:
        self._tap = tap
        self._width = width
        self._rows = rows

    def __call__(self, value: object) -> None:
        self._rows.append(read(self._tap, value).reshape(-1, self._width)[-1].clone())
