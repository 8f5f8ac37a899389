"""What the fixtures of these tests are."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from llmri_server.llama_runtime import LlamaRuntime
from llmri_server.runtime import CapturePlan, ScanEvent
from llmri_server.torch_runtime import TorchRuntime
from tests.server.torch_runtime.tiny_models import Turn

Generate = Callable[..., Turn]
Everything = Callable[[LlamaRuntime | TorchRuntime], CapturePlan]


def distance(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Return how far two vectors are apart, over the length of the other."""
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


def farthest(ours: Sequence[ScanEvent], theirs: Sequence[ScanEvent]) -> float:
    """Return the largest distance of any layer of any of the scans, which are of the same places."""
    assert [place(scan) for scan in ours] == [place(scan) for scan in theirs]
    return max(
        distance(row, other)
        for one, two in zip(ours, theirs, strict=True)
        for row, other in zip(rows_of(one), rows_of(two), strict=True)
    )


def farthest_layer(ours: Sequence[ScanEvent], theirs: Sequence[ScanEvent]) -> float:
    """Return the largest distance of any layer of any site, over all positions together."""
    return max(
        distance(rows_at(ours, site, layer), rows_at(theirs, site, layer))
        for site in {scan.site for scan in ours}
        for layer in range(len(ours[0].layers))
    )


def rows_at(scans: Sequence[ScanEvent], site: str, layer: int) -> npt.NDArray[np.float32]:
    return np.stack([rows_of(scan)[layer] for scan in scans if scan.site == site])


def place(scan: ScanEvent) -> tuple[int, str, str, tuple[int, ...]]:
    return (scan.number, scan.phase, scan.site, scan.layers)


def rows_of(scan: ScanEvent) -> npt.NDArray[np.float32]:
    return scan.rows.astype(np.float32)
