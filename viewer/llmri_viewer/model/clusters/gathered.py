"""How far the collecting of samples and the building of clusters have come."""

from dataclasses import dataclass

from llmri_clustering.building.cautions import ENOUGH_SAMPLES
from llmri_protocol.messages import ModelCard

NEEDED = ENOUGH_SAMPLES
"""Samples from which clusters can be built: stability compares clusterings of halves, and only from a hundred
samples on can a correlation of 0.2 be told from none (its sampling error is one over the root of their
number); with less the halves disagree by chance, whatever the clusters."""

MOST_TOGETHER = 8192
"""Units that are clustered together: their correlations are 256 MiB, and a build takes minutes."""


@dataclass(frozen=True)
class Gathered:
    """Samples of the shown site collected so far for clustering, and how many are needed at least.

    Attributes:
        site: The site.
        samples: Samples so far.
        turns: Turns they come from that have ended.
        needed: Samples needed at least.
        layers: The layers that are collected, and clustered together.
    """

    site: str = ""
    samples: int = 0
    turns: int = 0
    needed: int = 0
    layers: tuple[int, ...] = ()

    @property
    def enough(self) -> bool:
        """Whether clusters can be built."""
        return 0 < self.needed <= self.samples


@dataclass(frozen=True)
class Job:
    """Work that another process does: the step in words, and how much of all is done."""

    step: str
    done: int = 0
    of: int = 0


def together(card: ModelCard, site: str, layer: int) -> tuple[int, ...]:
    """The layers of a site that are clustered together: all, or where that is too much the one shown."""
    width = next((each.width for each in card.sites if each.name == site), 0)
    return tuple(range(card.layers)) if card.layers * width <= MOST_TOGETHER else (layer,)
