"""The units of clusters, looked up in a file of `llmri cluster`."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from llmri_clustering.clusters import Cluster, Clustering
from llmri_clustering.evidence import rank_by_selectivity
from llmri_clustering.files import ClusterFileError, load
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.plan import ClusterUnits, LayerUnits, ListedUnits, Plan


def with_clusters(plan: Plan, folder: Path) -> Plan:
    """Return the same plan with the units of its clusters by number, so that it stands alone.

    Args:
        plan: A plan.
        folder: Where its file is; the cluster file is named from there.

    Raises:
        ExperimentError: The cluster file cannot be read, or has no such clusters.
    """
    units = plan.units
    if not isinstance(units, ClusterUnits):
        return plan
    try:
        clustering = load(folder / units.file)
    except (ClusterFileError, OSError) as error:
        raise ExperimentError(f"units.file: {error}") from None
    about = clustering.provenance.model
    if about != plan.model:
        raise ExperimentError(f"units.file is about `{about}`, but the experiment's model is `{plan.model}`")
    chosen = _by_number(clustering, units) if units.numbers else _by_group(clustering, units)
    listed = ListedUnits(site=clustering.units.site, places=_places(clustering, chosen))
    return msgspec.structs.replace(plan, units=listed)


def leading(clusters: Sequence[Cluster], group: str, most: int) -> tuple[Cluster, ...]:
    """Return the clusters that fire most surely for a group, as many as have at most so many units together.

    Clusters stay whole: one that would be too much is passed over. Where an effect may as well be none, the
    list ends.
    """
    chosen: list[Cluster] = []
    for cluster in rank_by_selectivity(clusters, group):
        small_enough = cluster.units + sum(other.units for other in chosen) <= most
        if small_enough and cluster.selectivity[group].low > 0:
            chosen.append(cluster)
    return tuple(chosen)


def _by_number(clustering: Clustering, units: ClusterUnits) -> tuple[Cluster, ...]:
    try:
        return tuple(clustering.cluster(number) for number in dict.fromkeys(units.numbers))
    except KeyError as error:
        raise ExperimentError(f"units.numbers: {error.args[0]}") from None


def _by_group(clustering: Clustering, units: ClusterUnits) -> tuple[Cluster, ...]:
    groups = sorted({group for cluster in clustering.clusters for group in cluster.selectivity})
    if units.group not in groups:
        raise ExperimentError(
            f"units.group is `{units.group}`; the file's groups are {', '.join(groups) or 'none'}"
        )
    most = round((units.share or 0) * len(clustering.units)) if units.count is None else units.count
    chosen = leading(clustering.clusters, units.group, most)
    if not chosen:
        raise ExperimentError(
            f"no cluster of at most {most} units surely fires more for `{units.group}` than for others"
        )
    return chosen


def _places(clustering: Clustering, clusters: Sequence[Cluster]) -> tuple[LayerUnits, ...]:
    inside = np.isin(clustering.labels, [cluster.number for cluster in clusters])
    layers, index = clustering.units.layer[inside], clustering.units.index[inside]
    return tuple(
        LayerUnits(layer=int(layer), units=tuple(sorted(index[layers == layer].tolist())))
        for layer in np.unique(layers)
    )
