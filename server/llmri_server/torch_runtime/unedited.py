"""What passes at some places while nothing is edited."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

import torch
from torch import Tensor
from transformers import PreTrainedModel

from llmri_server.edits import Place
from llmri_server.torch_runtime.probe import observe
from llmri_server.torch_runtime.taps import Site, Tap, read


def unedited_rows(
    model: PreTrainedModel, sites: Mapping[str, Site], ids: Sequence[int], places: Sequence[Place]
) -> dict[Place, Tensor]:
    """Return copies of what passes at the places, `[positions, width]` each, in one pass without a cache.

    The pass leaves out the head that gives logits, asks for no gradient and draws no random number. Values
    are those that hooks see, before the model multiplies them on their way to the residual stream.
    """
    seen: dict[Place, Tensor] = {}

    def looking(place: Place, tap: Tap) -> Callable[[object], None]:
        def look(value: object) -> None:
            rows = read(tap, value)
            seen[place] = rows.reshape(-1, rows.shape[-1]).clone()

        return look

    with ExitStack() as hooks, torch.inference_mode(mode=False), torch.no_grad():
        for name, layer in places:
            tap = sites[name].taps[layer]
            hooks.callback(observe(tap, looking((name, layer), tap)).remove)
        model.base_model(torch.tensor([list(ids)], device=model.device), use_cache=False)
    return seen


def mean_row(rows: Tensor) -> Tensor:
    """Return the mean over positions, float32 `[width]`, of rows `[positions, width]`."""
    return rows.double().mean(dim=0).to(torch.float32)
