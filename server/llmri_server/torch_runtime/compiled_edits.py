"""Edits as tensors: one multiplication a place, however many units are edited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from llmri_protocol.messages import Edit
from llmri_server.edits import Place, resolve
from llmri_server.torch_runtime.taps import Site


@dataclass(frozen=True, eq=False)
class Scaling:
    """The multipliers of one site in one layer, float32 `[width]`, 1 where a unit is not edited.

    `everywhere` holds for every position, `at_last` for the last one and contains the former. Multiplying
    by 1 changes no bit, and the product of a half-precision value is rounded once, as PyTorch rounds
    `h[..., units] *= value`.
    """

    everywhere: Tensor | None
    at_last: Tensor | None

    def apply(self, rows: Tensor, positions: int) -> Tensor:
        """Give edited rows; `rows`, `[batch, positions, width]` or flattened, stay as they are."""
        if self.at_last is not None and positions == 1:
            return (rows * self.at_last).to(rows.dtype)
        edited = rows.clone() if self.everywhere is None else (rows * self.everywhere).to(rows.dtype)
        if self.at_last is not None:
            width = rows.shape[-1]
            last = rows.reshape(-1, positions, width)[:, -1]
            edited = edited.contiguous()
            edited.view(-1, positions, width)[:, -1] = (last * self.at_last).to(rows.dtype)
        return edited


CompiledEdits = Mapping[Place, Scaling]


def compile_edits(edits: Sequence[Edit], sites: Mapping[str, Site], device: torch.device) -> CompiledEdits:
    """Make the tensors of checked edits, on the device."""
    return {
        (site, layer): _scaling(units, sites[site].width, device)
        for (site, layer), units in resolve(edits).items()
    }


def _scaling(units: Mapping[int, Edit], width: int, device: torch.device) -> Scaling:
    everywhere = {unit: edit.value for unit, edit in units.items() if edit.positions == "all"}
    both = {unit: edit.value for unit, edit in units.items()}
    only_everywhere = len(everywhere) == len(both)
    return Scaling(
        everywhere=_multipliers(everywhere, width, device) if everywhere else None,
        at_last=None if only_everywhere else _multipliers(both, width, device),
    )


def _multipliers(values: Mapping[int, float], width: int, device: torch.device) -> Tensor:
    multipliers = torch.ones(width, dtype=torch.float32)
    multipliers[list(values)] = torch.tensor(list(values.values()), dtype=torch.float32)
    return multipliers.to(device)
