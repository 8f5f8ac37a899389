"""Activations of whole batches, for experiments."""

import numpy as np
import numpy.typing as npt
import torch

from llmri_server.torch_runtime.hooks import CapturedSite


class Recording:
    """The activations of one site over every position of every forward pass that was recorded."""

    def __init__(self, site: str, layers: tuple[int, ...], width: int) -> None:
        self.site = site
        self.layers = layers
        self.width = width
        self._passes: list[npt.NDArray[np.float32]] = []

    @property
    def rows(self) -> npt.NDArray[np.float32]:
        """All positions, `[positions, layers, width]`.

        A pass over a batch adds `batch * sequence` positions, one sequence after the other, padding
        included: `attention_mask.flatten()` says which are real.
        """
        nothing = np.empty((0, len(self.layers), self.width), np.float32)
        return np.concatenate([nothing, *self._passes])

    def kept(self, kept: CapturedSite) -> None:
        """Take the tensors of one pass."""
        stacked = torch.stack([tensor.reshape(-1, self.width) for tensor in kept.tensors], dim=1)
        self._passes.append(stacked.detach().float().cpu().numpy())

    def passed(self, positions: int) -> None:
        """Nothing is numbered here."""
