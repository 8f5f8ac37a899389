"""From the tensors of one forward pass to scans on the host."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from llmri_protocol.messages import ScanDtype
from llmri_server.runtime import ScanEvent, Sink
from llmri_server.torch_runtime.hooks import Kept

SCAN_DTYPES: dict[torch.dtype, ScanDtype] = {
    torch.float32: "f32",
    torch.float16: "f16",
    torch.bfloat16: "bf16",
}


class ScanWriter:
    """Makes the scans of one turn, whose first position has number 0.

    `prompt` positions come first; at most the last `prompt_scans` of them are scanned.
    """

    def __init__(self, sink: Sink, prompt: int, prompt_scans: int) -> None:
        self._sink = sink
        self._prompt = prompt
        self._prompt_scans = prompt_scans
        self._number = 0

    def kept(self, kept: Kept) -> None:
        """Stack the tensors of one site once, bring them to the host once, and hand the scans on."""
        name, layers = kept.site.name, kept.layers
        dtype = SCAN_DTYPES[kept.tensors[0].dtype]
        if self._number >= self._prompt:
            rows = on_host(torch.cat(kept.tensors)).reshape(len(layers), -1)
            # Freeing tensors lets go of the interpreter: before the sink wakes a sender, nobody takes it.
            kept.forget()
            self._sink.scan(ScanEvent(self._number, "generate", name, layers, dtype, rows))
            return
        count = min(self._prompt, self._prompt_scans)
        if not count:
            return
        positions = on_host(last_positions(kept.tensors, count))
        kept.forget()
        for number, rows in enumerate(positions, start=self._prompt - count):
            self._sink.scan(ScanEvent(number, "prompt", name, layers, dtype, rows))

    def passed(self, positions: int) -> None:
        """Count the positions of a pass."""
        self._number += positions


def last_positions(tensors: Sequence[Tensor], count: int) -> Tensor:
    """Give the last positions of each layer as `[positions, layers, width]`, contiguous."""
    width = tensors[0].shape[-1]
    return torch.stack([tensor.reshape(-1, width)[-count:] for tensor in tensors], dim=1)


def on_host(tensor: Tensor) -> npt.NDArray[np.generic]:
    """Give a tensor as an array on the host; bfloat16 as the uint16 of its bits."""
    if tensor.dtype is torch.bfloat16:
        return tensor.view(torch.int16).cpu().numpy().view(np.uint16)
    array: npt.NDArray[np.generic] = tensor.cpu().numpy()
    return array
