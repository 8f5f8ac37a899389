"""`python -m benchmarks.linkage_process ours 4096 tree.npy`: samples to a tree one way, in its own process.

Prints the seconds of the work, without imports and without making the data, and the process's peak memory in
bytes; the linkage goes to the file.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping

import fastcluster  # type: ignore[import-untyped]  # it brings no types
import numpy as np
import numpy.typing as npt
from scipy.cluster import hierarchy  # type: ignore[import-untyped]  # it brings no types
from scipy.spatial.distance import squareform  # type: ignore[import-untyped]

from llmri_clustering.agglomeration import linkage_from_samples
from llmri_clustering.building.recipe import EXACT_LATER

SAMPLES = 512
BLOCK = 64  # units that share a source
FAMILIES = 16  # of blocks that share another one
SHARED = (0.8, 0.6)  # how much of the block's source and of the family's is in a unit, beside noise of 1
TRIAL = 256  # units, to load what loads on first use

Array = npt.NDArray[np.float64]


def with_fastcluster(samples: npt.NDArray[np.float32]) -> Array:
    """Link by the usual recipe with fastcluster."""
    distances = squareform(1 - np.corrcoef(samples, rowvar=False), checks=False)
    tree: Array = fastcluster.linkage(distances, "average")
    return tree


def with_scipy(samples: npt.NDArray[np.float32]) -> Array:
    """Link by the usual recipe with scipy."""
    distances = squareform(1 - np.corrcoef(samples, rowvar=False), checks=False)
    tree: Array = hierarchy.linkage(distances, "average")
    return tree


def estimated(samples: npt.NDArray[np.float32]) -> Array:
    """Link as `build` does beyond 131,072 units."""
    return linkage_from_samples(samples, exact=EXACT_LATER)


WAYS: Mapping[str, Callable[[npt.NDArray[np.float32]], Array]] = {
    "ours": linkage_from_samples,
    "fastcluster": with_fastcluster,
    "scipy": with_scipy,
    "estimate": estimated,
}


def samples_of(units: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Make units in blocks, and blocks in families, with noise: `[SAMPLES, units]`."""
    random = np.random.default_rng(seed)
    blocks = -(-units // BLOCK)
    block = random.integers(blocks, size=units)
    of_block = random.standard_normal((SAMPLES, blocks), dtype=np.float32)
    of_family = random.standard_normal((SAMPLES, FAMILIES), dtype=np.float32)
    samples = random.standard_normal((SAMPLES, units), dtype=np.float32)
    samples += np.float32(SHARED[0]) * of_block[:, block]
    samples += np.float32(SHARED[1]) * of_family[:, block % FAMILIES]
    return samples


def main(way: str, units: int, path: str) -> None:
    """Link, and tell what it took."""
    WAYS[way](samples_of(TRIAL))
    samples = samples_of(units)
    start = time.perf_counter()
    tree = WAYS[way](samples)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    np.save(path, tree)
    print(json.dumps({"seconds": seconds, "peak": peak}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
