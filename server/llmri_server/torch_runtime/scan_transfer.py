"""From the tensors of one forward pass to scans on the host."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from llmri_protocol.messages import ScanDtype
from llmri_server.runtime import ScanEvent, Sink
from llmri_server.torch_runtime.hooks import CapturedSite

SCAN_DTYPES: dict[torch.dtype, ScanDtype] = {
    torch.float32: "f32",
    torch.float16: "f16",
    torch.bfloat16: "bf16",
}

HOST_DTYPES: dict[torch.dtype, npt.DTypeLike] = {
    torch.float32: np.float32,
    torch.float16: np.float16,
    torch.bfloat16: np.uint16,
}


class ScanWriter:
    """Makes the scans of one turn, whose first position has number 0.

    `prompt` positions come first; at most the last `prompt_scans` of them are scanned. `on_pass` is told of
    every pass and its positions, and `revision` gives that of the present pass.
    """

    def __init__(
        self,
        sink: Sink,
        prompt: int,
        prompt_scans: int,
        on_pass: Callable[[int], None] = lambda _positions: None,
        revision: Callable[[], int] = lambda: 0,
    ) -> None:
        self._sink = sink
        self._on_pass = on_pass
        self._revision = revision
        self._prompt = prompt
        self._prompt_scans = prompt_scans
        self._number = 0

    def kept(self, kept: CapturedSite) -> None:
        """Stack the tensors of one site once, bring them to the host once, and hand the scans on."""
        name, layers = kept.site.name, kept.layers
        dtype = SCAN_DTYPES[kept.tensors[0].dtype]
        if self._number >= self._prompt:
            rows = on_host(kept.rows).reshape(len(layers), -1)
            # Freeing tensors lets go of the interpreter: before the sink wakes a sender, nobody takes it.
            kept.forget()
            self._sink.scan(ScanEvent(self._number, "generate", name, layers, dtype, rows, self._revision()))
            return
        count = min(self._prompt, self._prompt_scans)
        if not count:
            return
        revision = self._revision()
        positions = on_host([last_positions(kept.tensors, count)])
        kept.forget()
        for number, rows in enumerate(positions, start=self._prompt - count):
            self._sink.scan(ScanEvent(number, "prompt", name, layers, dtype, rows, revision))

    def passed(self, positions: int) -> None:
        """Count the positions of a pass."""
        self._number += positions
        self._on_pass(positions)


def last_positions(tensors: Sequence[Tensor], count: int) -> Tensor:
    """Return the last positions of each layer as `[positions, layers, width]`, contiguous."""
    width = tensors[0].shape[-1]
    return torch.stack([tensor.reshape(-1, width)[-count:] for tensor in tensors], dim=1)


def on_host(tensors: list[Tensor]) -> npt.NDArray[np.generic]:
    """Return tensors, joined along their first axis, as an array on the host; bfloat16 as its bits in uint16.

    The array owns its memory. One over a tensor's memory would let go of the interpreter when it is freed,
    which happens in the model's thread where a full queue drops it.
    """
    first = tensors[0]
    shape = (sum(len(tensor) for tensor in tensors), *first.shape[1:])
    array = np.empty(shape, HOST_DTYPES[first.dtype])
    host = torch.from_numpy(array.view(np.int16) if first.dtype is torch.bfloat16 else array).view(
        first.dtype
    )
    if first.is_cpu:
        torch.cat(tensors, out=host)
    else:
        host.copy_(torch.cat(tensors))
    return array
