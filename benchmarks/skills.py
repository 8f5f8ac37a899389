"""What the bundled model loses with the units that fire together for numbers.

A fixed conversation over all skills, held with a real server and collected as `llmri cluster` collects it;
clusters over `mlp_act` of all layers together, ranked by how surely they fire more in turns with numbers than
in all others; the leading clusters ablated, and every skill marked. Beside them as many single units chosen
by selectivity, and as many units at random.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from benchmarks.conversation import NUMBERS, hold, prompts
from benchmarks.report import Account
from benchmarks.runs import Advance, Track
from benchmarks.skills_table import COLUMNS, HOW, QUESTIONS, described, rows_of, told
from llmri.cluster.collection import Collected
from llmri.experiment.clusters import leading
from llmri_clustering.build import BuildOptions, build
from llmri_clustering.clusters import Cluster, Clustering
from llmri_server.experiments.ablation import (
    SITE,
    AblationCondition,
    ConditionScores,
    contrast,
    run_condition,
)
from llmri_server.experiments.profiles import example_profile
from llmri_server.experiments.selectivity import Mask, most_selective, random_units
from llmri_server.pocket.questions import questions
from llmri_server.pocket.skills import SKILLS, Skill
from llmri_server.torch_runtime import TorchRuntime, load

SEED = 0
EXAMPLES = 60  # a skill, to choose single units by, as `llmri demo` does
DRAWS = 10
SHARES = {"a tenth": 0.1, "a fifth": 0.2}
NUMBERS_OF_CLUSTERS = (64, 128, 256, 512)  # beside the default cut


def sections(track: Track, rounds: int | None = None) -> Iterator[Account]:
    """Hold the conversation, cluster, ablate; `rounds` replaces the number of random sets."""
    runtime = load("pocket", device="cpu", dtype="float32")
    said = prompts()
    heard = hold(runtime, said, track("Skills: the conversation", len(said)))
    # For the other cuts only the clusters matter, not what speaks for them.
    others = (BuildOptions(number=number, resamples=1, nulls=1) for number in NUMBERS_OF_CLUSTERS)
    advance = track("Skills: clusters", 1 + len(NUMBERS_OF_CLUSTERS))
    clusterings = [clustered(heard, options, advance) for options in (BuildOptions(), *others)]
    yield against_controls(runtime, heard, clusterings[0], rounds or DRAWS, track)
    yield by_cut(runtime, clusterings, track)


def clustered(heard: Collected, options: BuildOptions, advance: Advance) -> Clustering:
    """Build as `llmri cluster` does."""
    clustering = build(
        heard.samples,
        heard.units,
        model=heard.model,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        options=options,
        correlation=heard.correlation,
        left_out=heard.left_out,
    )
    advance()
    return clustering


def mask_of(clustering: Clustering, clusters: Sequence[Cluster]) -> Mask:
    """Mark the units of some clusters, `[layers, width]`."""
    units = clustering.units
    mask = np.zeros((units.layer.max() + 1, units.index.max() + 1), dtype=np.bool_)
    inside = np.isin(clustering.labels, [cluster.number for cluster in clusters])
    mask[units.layer[inside], units.index[inside]] = True
    return mask


def against_controls(
    runtime: TorchRuntime, heard: Collected, clustering: Clustering, draws: int, track: Track
) -> Account:
    """Mark every skill with the leading clusters ablated, with as many single units, and as many random."""
    rng = np.random.default_rng(SEED)
    numeric, other = contrast(single_magnitudes(runtime, track("Skills: single units", len(SKILLS))))
    conditions = [AblationCondition("nothing", (np.zeros(numeric.shape, dtype=np.bool_),))]
    taken = {}
    for name, share in SHARES.items():
        taken[name] = leading(clustering.clusters, NUMBERS, round(share * numeric.size))
        mask = mask_of(clustering, taken[name])
        count = int(mask.sum())
        shape = (numeric.shape[0], numeric.shape[1])
        conditions += [
            AblationCondition(f"clusters, up to {name}", (mask,)),
            AblationCondition(
                "as many single units by selectivity", (most_selective(numeric, other, count),)
            ),
            AblationCondition(
                "as many at random", tuple(random_units(shape, count, rng) for _ in range(draws))
            ),
        ]
    outcomes = marked(runtime, conditions, track, "Skills: ablated")
    return Account(
        title="Skills of pocket without the clusters that fire for numbers",
        notes=(
            described(heard, clustering),
            *(told(name, clusters) for name, clusters in taken.items()),
            HOW,
        ),
        columns=COLUMNS,
        rows=tuple(row for outcome in outcomes for row in rows_of(outcome)),
    )


def by_cut(runtime: TorchRuntime, clusterings: Sequence[Clustering], track: Track) -> Account:
    """Mark every skill with the leading clusters of several cuts of one dendrogram ablated."""
    conditions = [
        AblationCondition(
            f"up to {words}, of {len(clustering.clusters)} clusters",
            (_mask_of_leading(clustering, share),),
        )
        for words, share in SHARES.items()
        for clustering in clusterings
    ]
    outcomes = marked(runtime, conditions, track, "Skills: other cuts")
    return Account(
        title="The same, by how finely the tree is cut",
        notes=(
            f"Every cut is of the same dendrogram. That into {len(clusterings[0].clusters)} clusters is the "
            "default, by their sizes; the others are by number.",
        ),
        columns=COLUMNS,
        rows=tuple(row for outcome in outcomes for row in rows_of(outcome)),
    )


def _mask_of_leading(clustering: Clustering, share: float) -> Mask:
    most = round(share * len(clustering.units))
    return mask_of(clustering, leading(clustering.clusters, NUMBERS, most))


def single_magnitudes(runtime: TorchRuntime, advance: Advance) -> list[tuple[Skill, npt.NDArray[np.float64]]]:
    """Return every unit's mean magnitude over right replies, `[layers, width]`, by skill."""
    rng = random.Random(SEED)
    found = []
    for skill in SKILLS:
        examples = [skill.sample(rng, "train") for _ in range(EXAMPLES)]
        found.append((skill, example_profile(runtime, SITE, examples).magnitude))
        advance()
    return found


def marked(
    runtime: TorchRuntime, conditions: Sequence[AblationCondition], track: Track, title: str
) -> list[ConditionScores]:
    """Mark every skill under every condition."""
    asked = [(skill, questions(skill, QUESTIONS, SEED)) for skill in SKILLS]
    advance = track(title, len(SKILLS) * sum(len(condition.draws) for condition in conditions))
    return [run_condition(runtime, condition, asked, lambda _: advance()) for condition in conditions]
