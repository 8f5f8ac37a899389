"""Clusters in words: their names, how they were made, and how many scans they still need."""

from llmri_clustering.clusters import Cluster, Provenance
from llmri_look.words import count
from llmri_viewer.model.clusters.gathered import Gathered


def correlation(made: Provenance) -> str:
    """Name what a clustering calls strength: `r`, or `|r|` where sign does not count."""
    return "|r|" if made.distance == "1 - |r|" else "r"


def provenance(made: Provenance) -> str:
    """Say in one line how clusters were made."""
    return f"{made.distance}, {made.method}, {count(made.samples, 'scan')} of {count(made.turns, 'turn')}"


def cluster_name(cluster: Cluster) -> str:
    """Return a cluster's number, and the token that it fires most on."""
    if not cluster.tokens:
        return str(cluster.number)
    return f"{cluster.number} “{cluster.tokens[0].text.strip(' ') or '␣'}”"


def missing_samples(got: Gathered, what: str = "clusters") -> str:
    """Say how many scans there are for clusters, or something else made of as many, and how many it needs."""
    there = f"there {'is' if got.samples == 1 else 'are'} {got.samples}"
    return f"{what} need {got.needed} scans of {got.site}; {there}"
