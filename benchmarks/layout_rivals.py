"""Other ways to put units into the plane: their order, principal components, and UMAP."""

import warnings
from dataclasses import dataclass
from math import isqrt

import numpy as np
import numpy.typing as npt
import umap  # type: ignore[import-untyped]  # it brings no types
from sklearn.decomposition import PCA  # type: ignore[import-untyped]  # it brings no types

from llmri_clustering.layout import nearest_by_correlation
from llmri_clustering.layout.standardising import standardised

Samples = npt.NDArray[np.float32]
Positions = npt.NDArray[np.float32]

NEIGHBOURS = 15  # UMAP's own number; it counts a unit as the first of its neighbours
SEED = 0


@dataclass(frozen=True, eq=False)
class Given:
    """What UMAP need not work out.

    Attributes:
        units: Standardised units, `[units, samples]`.
        neighbours: Exact neighbours by correlation, `[units, 15]`, each unit itself first.
        distances: Their correlation distances.
        start: Where the units start, `[units, 2]`.
    """

    units: npt.NDArray[np.float32]
    neighbours: npt.NDArray[np.intp]
    distances: npt.NDArray[np.float32]
    start: Positions

    @classmethod
    def of_samples(cls, samples: Samples, start: Positions | None = None) -> "Given":
        """Work it out; by default the start is the principal components."""
        nearest, correlation = nearest_by_correlation(samples, NEIGHBOURS - 1)
        own = np.arange(len(nearest))[:, None]
        distances = np.concatenate([np.zeros(own.shape, np.float32), 1 - correlation], axis=1)
        places = principal_components(samples) if start is None else start
        return cls(standardised(samples), np.concatenate([own, nearest], axis=1), distances, _in_box(places))


def index_order(samples: Samples) -> Positions:
    """Return the units row by row on a square grid, `[units, 2]`."""
    units = samples.shape[1]
    return np.stack(np.divmod(np.arange(units), isqrt(units - 1) + 1), axis=1).astype(np.float32)


def principal_components(samples: Samples) -> Positions:
    """Return the first two principal components of the standardised units, `[units, 2]`."""
    places: Positions = PCA(2, svd_solver="full").fit_transform(standardised(samples)).astype(np.float32)
    return places


def umap_given(given: Given) -> Positions:
    """Return UMAP's layout from exact neighbours and a start, with a seed."""
    known = (given.neighbours, given.distances, None)
    return _umap(given.units, precomputed_knn=known, init=given.start, random_state=SEED)


def umap_default(samples: Samples) -> Positions:
    """Return UMAP's layout as it comes, with the correlation as metric: no seed, on all processors."""
    return _umap(samples.T)


def umap_seeded(samples: Samples) -> Positions:
    """Return the same with a seed, which UMAP works out on one processor."""
    return _umap(samples.T, random_state=SEED)


def _umap(rows: npt.NDArray[np.float32], **options: object) -> Positions:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the seed, and the precomputed neighbours
        model = umap.UMAP(n_neighbors=NEIGHBOURS, metric="correlation", **options)
        places: Positions = model.fit_transform(rows)
    return places


def _in_box(places: Positions) -> Positions:
    """Stretch the places to the box of 10 x 10 in which UMAP starts."""
    low, high = places.min(axis=0), places.max(axis=0)
    return np.asarray(10 * (places - low) / (high - low), dtype=np.float32)
