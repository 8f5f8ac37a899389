"""Whether an edit of the residual stream inside a block can reach it, tried at load.

After attention the sum is read twice: by a norm, and by the addition behind the MLP. No module sees the
second reading. Where both read one tensor, which is so in the library's blocks, writing to it in place
is what a line of the model's own code at that point would do.
"""

from collections.abc import Mapping
from contextlib import ExitStack

import torch
from torch import Tensor
from transformers import PreTrainedModel

from llmri_server.torch_runtime.architectures import SiteName
from llmri_server.torch_runtime.probe import observe, probe_ids
from llmri_server.torch_runtime.sums import adds_up
from llmri_server.torch_runtime.taps import Site, Tap, read

PUSH = 4.0  # times the largest value: more than any rounding could hide


def writing_reaches_residual(model: PreTrainedModel, sites: Mapping[SiteName, Site]) -> bool:
    """Whether, in every block, what is written to `resid_mid` in place is added to `mlp_out` too."""
    if not {"resid_mid", "mlp_out", "resid_post"} <= sites.keys():
        return False
    written: dict[int, Tensor] = {}
    after: dict[tuple[SiteName, int], Tensor] = {}
    watched: tuple[SiteName, ...] = ("mlp_out", "resid_post")
    with ExitStack() as hooks, torch.no_grad():
        for layer, tap in enumerate(sites["resid_mid"].taps):
            hooks.callback(observe(tap, _Writer(layer, tap, written)).remove)
        for name in watched:
            for layer, tap in enumerate(sites[name].taps):
                hooks.callback(observe(tap, _Reader((name, layer), tap, after)).remove)
        model.base_model(probe_ids(model), use_cache=False)
    return all(
        adds_up(after["resid_post", layer], edited, after["mlp_out", layer])
        for layer, edited in written.items()
    )


class _Writer:
    """Pushes one unit, another in each layer, and remembers the edited rows."""

    def __init__(self, layer: int, tap: Tap, written: dict[int, Tensor]) -> None:
        self._layer = layer
        self._tap = tap
        self._written = written

    def __call__(self, value: object) -> None:
        rows = read(self._tap, value)
        rows[..., self._layer % rows.shape[-1]] += PUSH * rows.abs().max()
        self._written[self._layer] = rows.reshape(-1, rows.shape[-1]).clone()


class _Reader:
    """Remembers what passes, as it is added to the residual stream."""

    def __init__(
        self, place: tuple[SiteName, int], tap: Tap, after: dict[tuple[SiteName, int], Tensor]
    ) -> None:
        self._place = place
        self._tap = tap
        self._after = after

    def __call__(self, value: object) -> None:
        rows = read(self._tap, value)
        rows = rows if self._tap.factor is None else rows * self._tap.factor
        self._after[self._place] = rows.reshape(-1, rows.shape[-1]).clone()
