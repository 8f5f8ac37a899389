"""Forward passes over one sequence under several sets of edits, a row of the batch each."""

import inspect
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import PreTrainedModel

from llmri_protocol.messages import Edit
from llmri_server.edits.wording import in_words
from llmri_server.runtime import Measured, NonFiniteError, SiteLayers
from llmri_server.torch_runtime.hook_manager import HookManager
from llmri_server.torch_runtime.hooks import CapturedSite
from llmri_server.torch_runtime.taps import Site

BATCH_BYTES = 256 << 20  # what a batch may take beside the weights, roughly
WORKING_COPIES = 16  # tensors of hidden width that a block holds at once: its MLP's and attention's included


def measure(
    model: PreTrainedModel,
    instruments: HookManager,
    sites: Mapping[str, Site],
    ids: Sequence[int],
    variants: Sequence[Sequence[Edit]],
    *,
    wanted: SiteLayers = (),
    logits: int = 1,
    prompt: int | None = None,
) -> Measured:
    """Run the sequence under each set of edits; see `Runtime.measure`.

    Nothing is cached and no standing edit is felt. A batch takes as many variants as `BATCH_BYTES` hold.

    Raises:
        NonFiniteError: The logits are infinite or not a number.
    """
    vocabulary = int(model.config.get_text_config().vocab_size)
    given = np.empty((len(variants), logits, vocabulary), np.float32)
    rows = {
        name: np.empty((len(variants), len(ids), len(layers), sites[name].width), np.float32)
        for name, layers in wanted
    }
    size = batch_size(model, len(ids), logits, sum(each[0].nbytes for each in rows.values() if len(each)))
    for start in range(0, len(variants), size):
        batch = slice(start, start + size)
        receiver = _Rows({name: each[batch] for name, each in rows.items()})
        with (
            torch.inference_mode(),
            instruments.attached(receiver, recorded=wanted, variants=variants[batch], prompt=prompt),
        ):
            last = last_logits(model, batch_of(model, ids, len(variants[batch])), logits)
        _write(given[batch], last)
        _check(given[batch], variants[batch])
    return Measured(given, rows)


def batch_size(model: PreTrainedModel, positions: int, logits: int, row_bytes: int) -> int:
    """Return how many variants of a sequence go through the model at once; at least one does."""
    config = model.config.get_text_config()
    inside = positions * int(config.hidden_size) * WORKING_COPIES * model.dtype.itemsize
    outside = row_bytes + 2 * logits * int(config.vocab_size) * 4  # in the model's dtype, and in float32
    return max(1, BATCH_BYTES // (inside + outside))


def batch_of(model: PreTrainedModel, ids: Sequence[int], count: int) -> Tensor:
    """Return the same sequence `count` times, `[count, positions]`."""
    return torch.tensor([list(ids)], device=model.device).expand(count, -1)


def last_logits(model: PreTrainedModel, ids: Tensor, count: int) -> Tensor:
    """Run the model without a cache; give the logits of the last positions, `[batch, count, vocabulary]`."""
    some = {"logits_to_keep": max(count, 1)} if _can_keep_some(model) else {}
    logits: Tensor = model(ids, use_cache=False, **some).logits
    return logits[:, logits.shape[1] - count :]


def _can_keep_some(model: PreTrainedModel) -> bool:
    return "logits_to_keep" in inspect.signature(model.forward).parameters


class _Rows:
    """Writes what a pass leaves into arrays `[batch, positions, layers, width]`, one a site."""

    def __init__(self, rows: Mapping[str, npt.NDArray[np.float32]]) -> None:
        self._rows = rows

    def kept(self, kept: CapturedSite) -> None:
        """Take the tensors of one site, a layer at a time."""
        rows = self._rows[kept.site.name]
        for number, tensor in enumerate(kept.tensors):
            _write(rows[:, :, number], tensor.reshape(rows.shape[0], rows.shape[1], -1))

    def passed(self, positions: int) -> None:
        """Nothing is numbered here."""


def _write(array: npt.NDArray[np.float32], tensor: Tensor) -> None:
    torch.from_numpy(array).copy_(tensor)


def _check(logits: npt.NDArray[np.float32], variants: Sequence[Sequence[Edit]]) -> None:
    for edits, each in zip(variants, logits, strict=True):
        if not np.isfinite(each).all():
            raise NonFiniteError(f"the logits are infinite or not a number under {in_words(edits)}")
