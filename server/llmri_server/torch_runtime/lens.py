"""The logits that each layer's output would give, were it the last one."""

from collections.abc import Iterator, Sequence
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

LOGIT_BYTES = 64 << 20  # of one batch, in float32


def lenses(
    model: PreTrainedModel,
    instruments: HookManager,
    site: Site,
    ids: Sequence[int],
    *,
    first: int,
    edits: Sequence[Edit],
    prompt: int | None,
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the logits of every layer at positions from one on; see `LensRuntime.lenses`.

    Passes over one position, a layer of a position a row of the batch, have the rows in place of the last
    block's output: whatever the model does from there on, norm, unembedding, scaling or softcapping, it does
    to all.

    Args:
        model: The model.
        instruments: Its instruments.
        site: `resid_post`.
        ids: The sequence.
        first: The first position.
        edits: The edits of the pass over the sequence.
        prompt: How many first positions count as prompt; None counts all.

    Raises:
        NonFiniteError: A logit is infinite or not a number.
    """
    rows: list[Tensor] = []
    with (
        torch.inference_mode(),
        ExitStack() as hooks,
        instruments.attached(recorded=(), variants=[edits], prompt=prompt),
    ):
        for tap in site.taps:
            hooks.callback(observe(tap, _LastRows(tap, site.width, len(ids) - first, rows)).remove)
        last_logits(model, torch.tensor([list(ids)], device=model.device), 1)
    layers = torch.stack(rows, dim=1)  # [positions, layers, width]
    width = int(model.config.get_text_config().vocab_size)
    at_once = max(1, LOGIT_BYTES // (4 * width * len(site.taps)))
    for start in range(0, len(layers), at_once):
        chunk = layers[start : start + at_once]
        with torch.inference_mode():
            logits = _from_last(model, site.taps[-1], chunk.flatten(0, 1), ids[-1])
            given: npt.NDArray[np.float32] = logits.float().cpu().numpy()
        if not np.isfinite(given).all():
            raise NonFiniteError(f"a layer's logits are infinite or not a number under {in_words(edits)}")
        yield from given.reshape(len(chunk), len(site.taps), -1)


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


class _LastRows:
    """Keeps what a tap has at the last positions, `[positions, width]`."""

    def __init__(self, tap: Tap, width: int, count: int, rows: list[Tensor]) -> None:
        self._tap = tap
        self._width = width
        self._count = count
        self._rows = rows

    def __call__(self, value: object) -> None:
        self._rows.append(read(self._tap, value).reshape(-1, self._width)[-self._count :].clone())
