"""Other ways to capture, as hand-written hooks: what LLMRI's is compared with.

Each captures the last position of every block's output. The one that copies hands its rows over as LLMRI
does; the others leave their texts in a queue, where no sender takes them up, which flatters them.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from benchmarks.stopwatch import Stopwatch
from llmri_protocol.messages import ModelCard
from llmri_server.runtime import ScanEvent
from llmri_server.torch_runtime.scan_transfer import SCAN_DTYPES, on_host

Hook = Callable[[nn.Module, object, Tensor], None]
HandOver = Callable[[ScanEvent], None]
Rival = Callable[[ModelCard, HandOver], list[Hook]]

QUEUED = 64  # texts; older ones go
TORCH_DTYPES = {name: dtype for dtype, name in SCAN_DTYPES.items()}


def copy_into_buffer(card: ModelCard, hand_over: HandOver) -> list[Hook]:
    """Return a hook a layer that makes one `copy_` into a tensor allocated once."""
    buffer = torch.empty(card.layers, card.hidden_size, dtype=TORCH_DTYPES[card.dtype])
    layers = tuple(range(card.layers))

    def hook(layer: int) -> Hook:
        row, last = buffer[layer], layer == layers[-1]

        def copy(_module: nn.Module, _args: object, output: Tensor) -> None:
            row.copy_(output[0, -1])
            if last:
                rows = on_host([buffer])
                hand_over(ScanEvent(0, "generate", card.default_site, layers, card.dtype, rows))

        return copy

    return [hook(layer) for layer in layers]


def hex_in_json(card: ModelCard, hand_over: HandOver) -> list[Hook]:  # noqa: ARG001  # all rivals take the same
    """Return a hook a layer that writes float32 in hexadecimal into JSON, as the original viewer has it."""
    queue: deque[str] = deque(maxlen=QUEUED)

    def hook(layer: int) -> Hook:
        def write(_module: nn.Module, _args: object, output: Tensor) -> None:
            digits = output[0, -1].float().cpu().numpy().tobytes().hex()
            queue.append(_json(layer, card.hidden_size, digits))

        return write

    return [hook(layer) for layer in range(card.layers)]


def numbers_in_json(card: ModelCard, hand_over: HandOver) -> list[Hook]:  # noqa: ARG001  # all rivals take the same
    """Return a hook a layer that writes a list of numbers into JSON."""
    queue: deque[str] = deque(maxlen=QUEUED)

    def hook(layer: int) -> Hook:
        def write(_module: nn.Module, _args: object, output: Tensor) -> None:
            queue.append(_json(layer, card.hidden_size, output[0, -1].tolist()))

        return write

    return [hook(layer) for layer in range(card.layers)]


@contextmanager
def installed(hooks: list[Hook], blocks: list[nn.Module], stopwatch: Stopwatch) -> Iterator[None]:
    """Hook each block's output, timed."""
    with ExitStack() as handles:
        for block, hook in zip(blocks, hooks, strict=True):
            handles.callback(block.register_forward_hook(stopwatch.timed(hook)).remove)
        yield


def _json(layer: int, width: int, activations: str | list[float]) -> str:
    return json.dumps(
        {
            "type": "scan",
            "timestamp": time.time(),
            "layer": layer,
            "shape": [width],
            "dtype": "float32",
            "activations": activations,
        }
    )
