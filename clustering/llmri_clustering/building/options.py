"""What a clustering is built by."""

from dataclasses import dataclass
from typing import get_args

from llmri_clustering.clusters import Distance, Measure, Method

LEAST = {"resamples": 1, "nulls": 1, "tokens": 0, "context": 0, "turns": 0, "exact_units": 2}
LEAST_UNITS = 8
MOST_UNITS = 32  # of a small set; of a large one, one unit in so many:
SHARE = 64


@dataclass(frozen=True)
class BuildOptions:
    """How a clustering is made; the defaults suit a few thousand units.

    Attributes:
        distance: Between two units; with `1 - |r|`, units of opposite sign are near.
        method: Of the linkage.
        measure: Of the correlation.
        sizes: The least and the most units of a cluster. Without it and `number`, from 8 units to a 64th
            of all that take part, or to 32. On the bundled model's 4,096 units that gives about two hundred
            clusters, most of them near the least: with a greater least, their mean correlation inside
            falls, and with it what they answer to.
        number: Cut into so many clusters instead.
        resamples: Halves of the samples that are clustered again for the stability.
        nulls: Permutations for the null, each with as many halves.
        tokens: Tokens named for each cluster.
        context: Tokens of text around each of them.
        turns: Turns named for each cluster.
        seed: Of everything random.
        exact_units: Units up to which the dendrogram is exact; beyond, nearest neighbours are looked for in
            cells, and how far that agrees is measured and told in the provenance.
    """

    distance: Distance = "1 - r"
    method: Method = "average"
    measure: Measure = "pearson"
    sizes: tuple[int, int] | None = None
    number: int | None = None
    resamples: int = 8
    nulls: int = 2
    tokens: int = 8
    context: int = 6
    turns: int = 4
    seed: int = 0
    exact_units: int = 131_072

    def __post_init__(self) -> None:
        for name, known in (("distance", Distance), ("method", Method), ("measure", Measure)):
            if getattr(self, name) not in get_args(known):
                choices = ", ".join(f'"{choice}"' for choice in get_args(known))
                raise ValueError(f'{name} is "{getattr(self, name)}", expected one of {choices}')
        for name, least in LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least {least}")
        if self.sizes is not None and self.number is not None:
            raise ValueError("sizes and number are two ways to cut, expected one of them")

    def sizes_for(self, units: int) -> tuple[int, int]:
        """Return the size range for so many units that take part."""
        return self.sizes or (min(LEAST_UNITS, units), max(MOST_UNITS, units // SHARE))
