"""Which units of a model are clustered."""

import numpy as np
import numpy.typing as npt

from llmri.cluster.errors import ClusterError
from llmri_clustering.units import UnitSet
from llmri_protocol.messages import ModelCard, SiteCard
from llmri_protocol.suggestions import did_you_mean

WISHED_SITE = "mlp_act"  # its units are neurons; elsewhere they are directions of a basis
MOST_UNITS = 1 << 15  # their correlations are 4 GiB, and the dendrogram takes as much again


def units_of(card: ModelCard, site: str, layers: tuple[int, ...] | None) -> UnitSet:
    """Return the units to cluster.

    Args:
        card: The model.
        site: The site; empty for `mlp_act`, or where that is missing for the model's default.
        layers: Which layers; None is all.

    Raises:
        ClusterError: The model has no such site or layer, or these are too many units.
    """
    here = _site(card, site)
    chosen = tuple(range(card.layers)) if layers is None else layers
    unknown = [layer for layer in chosen if layer >= card.layers]
    if unknown:
        raise ClusterError(f"{card.name} has no layer {unknown[0]}, it has layers 0 to {card.layers - 1}")
    count = len(chosen) * here.width
    if not 1 < count <= MOST_UNITS:
        raise ClusterError(
            f"{len(chosen)} layers of {here.width} are {count} units, and 2 to {MOST_UNITS} can be clustered "
            f"together; name other layers, such as --layers 0-{max(MOST_UNITS // max(here.width, 1) - 1, 0)}"
        )
    return UnitSet.of_layers(here.name, chosen, here.width)


def protected(card: ModelCard, units: UnitSet) -> npt.NDArray[np.bool_]:
    """Mark the units whose ablation would break the model, `[units]`: they dominate every correlation."""
    return units.among({(unit.layer, unit.unit) for unit in card.protected if unit.site == units.site})


def _site(card: ModelCard, wished: str) -> SiteCard:
    sites = {site.name: site for site in card.sites}
    name = wished or (WISHED_SITE if WISHED_SITE in sites else card.default_site)
    if name in sites:
        return sites[name]
    meant = did_you_mean(name, sites)
    raise ClusterError(f"{card.name} has no site {name!r}, it has {', '.join(sites)}{meant}")
