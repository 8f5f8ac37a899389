"""The words and cells of the tables on what `pocket` loses."""

from collections.abc import Iterator, Sequence

from benchmarks.conversation import NUMBERS
from llmri.cluster.collection import Collected
from llmri_clustering.clusters import Cluster, Clustering
from llmri_server.experiments.ablation import SITE, ConditionScores
from llmri_server.pocket.skills import SKILLS

QUESTIONS = 60  # a skill, held out
COLUMNS = ("ablated", "units", *(skill.name for skill in SKILLS))
HOW = (
    "Clusters are ranked by the low end of the effect's 95 % interval, as long as it is above 0, and ablated "
    "whole; one that would be too much is passed over. Single units are chosen from right replies to other "
    "training questions, by (numbers - other) / (numbers + other), other being the skill without numbers "
    f"that uses the unit most. Marked are {QUESTIONS} held-out questions a skill, answered greedily. Nothing "
    "here is a gate."
)


def rows_of(outcome: ConditionScores) -> Iterator[tuple[str, ...]]:
    """Write an outcome: its mean, and where there were several sets the least and the most."""
    names = [skill.name for skill in SKILLS]
    units, sets = f"{outcome.units:,}", len(outcome.marks)
    mean = f"{outcome.condition}, mean of {sets} sets" if sets > 1 else outcome.condition
    yield (mean, units, *(f"{outcome.mean(name):.0%}" for name in names))
    if sets > 1:
        spreads = (outcome.spread(name) for name in names)
        yield ("least to most of these", units, *(f"{low:.0%} to {high:.0%}" for low, high in spreads))


def described(heard: Collected, clustering: Clustering) -> str:
    """Say what the clusters stand on."""
    made, sizes = clustering.provenance, [cluster.units for cluster in clustering.clusters]
    real = sum(cluster.real for cluster in clustering.clusters)
    return (
        f"The clusters stand on {made.samples} samples from {made.turns} turns at {SITE} of all layers, "
        f"{len(clustering.units):,} units. Left out: {'; '.join(heard.left_out)}. "
        f"{made.method.capitalize()} linkage on {made.distance}: {len(sizes)} clusters of {min(sizes)} to "
        f"{max(sizes)} units, {real} of them above their null."
    )


def told(share: str, taken: Sequence[Cluster]) -> str:
    """Say which clusters were ablated."""
    effects = [cluster.selectivity[NUMBERS] for cluster in taken]
    real = sum(cluster.real for cluster in taken)
    return (
        f"Up to {share} of the units: {len(taken)} clusters, {real} of them above their null, with effects "
        f"(Hedges' g of turns with numbers against all others) from {max(e.size for e in effects):+.1f} to "
        f"{min(e.size for e in effects):+.1f}."
    )
