"""Which clusters are ablated, and how what becomes of it is written."""

from types import MappingProxyType

import numpy as np

from benchmarks.conversation import NUMBERS, prompts
from benchmarks.skills import mask_of
from benchmarks.skills_table import COLUMNS, rows_of
from llmri_clustering.clusters import Cluster, Clustering, Effect, Evidence, Placement, Provenance
from llmri_clustering.nesting import Nesting
from llmri_clustering.units import UnitSet
from llmri_server.experiments.ablation import ConditionScores
from llmri_server.pocket.skills import SKILLS

NOTHING = Evidence(0, 0, 0)
# Of 12 units in 3 layers: clusters of 4, 3, 2 and 1, and two units in none. The last fires for nothing sure.
LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, -1, -1], dtype=np.int32)
EFFECTS = {0: (3.0, 2.0), 1: (5.0, 4.0), 2: (1.0, 0.5), 3: (0.2, -0.4)}


def clustering() -> Clustering:
    """Return a clustering of which only clusters, labels and units matter."""
    sizes = np.bincount(LABELS[LABELS >= 0])
    clusters = tuple(
        Cluster(
            number,
            int(sizes[number]),
            NOTHING,
            NOTHING,
            real=True,
            selectivity=MappingProxyType({NUMBERS: Effect(size, low, size + 1)}),
        )
        for number, (size, low) in EFFECTS.items()
    )
    root = np.array([-1], dtype=np.int32)
    return Clustering(
        UnitSet.of_layers("mlp_act", range(3), 4),
        LABELS >= 0,
        np.zeros((9, 4)),
        LABELS,
        clusters,
        Nesting(root, np.zeros(12, np.int32), root),
        root,
        Placement(np.zeros((12, 2), np.float32), np.zeros((12, 2), np.int32), (3, 4)),
        Provenance("m", 1, 1, (), "1 - r", "average", "pearson", 0, ""),
    )


def test_the_mask_has_exactly_their_units() -> None:
    mask = mask_of(clustering(), [clustering().cluster(1)])
    assert mask.shape == (3, 4)
    assert np.argwhere(mask).tolist() == [[1, 0], [1, 1], [1, 2]]


def test_the_conversation_is_fixed_and_has_every_skill() -> None:
    said = prompts(2)
    assert said == prompts(2)
    assert len(said) == 2 * len(SKILLS)
    assert sum(prompt.group == NUMBERS for prompt in said) == 2 * sum(skill.numeric for skill in SKILLS)


def test_several_sets_have_a_mean_and_a_spread() -> None:
    marks = tuple({skill.name: share for skill in SKILLS} for share in (0.5, 1.0))
    mean, spread = rows_of(ConditionScores("at random", 4096, marks))
    assert mean[:3] == ("at random, mean of 2 sets", "4,096", "75%")
    assert spread[:3] == ("least to most of these", "4,096", "50% to 100%")
    assert len(mean) == len(spread) == len(COLUMNS)
    assert len(list(rows_of(ConditionScores("nothing", 0, marks[:1])))) == 1
