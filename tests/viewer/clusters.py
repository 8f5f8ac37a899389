"""A clustering of nothing: made-up clusters, nested, of the synthetic server's units."""

from dataclasses import replace

import numpy as np

from llmri_clustering.clusters import (
    Cluster,
    Clustering,
    Effect,
    Evidence,
    Placement,
    Provenance,
    TokenLabel,
)
from llmri_clustering.nesting import Nesting
from llmri_clustering.units import UnitSet

WORDS = (" plus", " minus", " Paris", " fox", "\n", " trois", " upward", " the", " =", "日本", " because")
SKILLS = ("addition", "subtraction", "capitals", "French", "stories")


def clustering(
    *,
    layers: int = 8,
    width: int = 512,
    clusters: int = 40,
    quiet: int = 96,
    below: int = 4,
    model: str = "pocket",
    warnings: tuple[str, ...] = (),
    seed: int = 7,
) -> Clustering:
    """Return clusters of uneven size in three levels; `quiet` units are constant, the last `below` fail."""
    rng = np.random.default_rng(seed)
    units = UnitSet.of_layers("mlp_act", range(layers), width)
    count = len(units)
    shares = rng.pareto(1.4, clusters) + 0.25
    order = rng.permutation(count)
    active = np.ones(count, bool)
    active[order[:quiet]] = False
    ends = np.cumsum(np.maximum(4, (shares / shares.sum() * (count - quiet) * 0.95).astype(int))) + quiet
    labels = np.full(count, -1, np.int32)
    for number, (start, end) in enumerate(zip([quiet, *ends[:-1]], ends, strict=True)):
        labels[order[start:end]] = number
    nesting, group_cluster = _nested(labels, active, clusters)
    return Clustering(
        units=units,
        active=active,
        linkage=_chain(int(active.sum())),
        labels=labels,
        clusters=tuple(
            _cluster(number, int((labels == number).sum()), rng, real=number < clusters - below)
            for number in range(clusters)
        ),
        nesting=nesting,
        group_cluster=group_cluster,
        placement=_placement(labels, rng),
        provenance=Provenance(
            model=model, samples=612, turns=24, left_out=("the first token of each turn: 24 scans",),
            distance="1 - r", method="average", measure="pearson", seed=0, created="2026-01-01T00:00:00Z",
            warnings=warnings,
        ),
    )  # fmt: skip


def few(samples: int = 120) -> Clustering:
    """Return a clustering that stands on too little."""
    made = clustering(warnings=(f"stands on {samples} samples: fewer than 400 leave most of r to chance",))
    return replace(made, provenance=replace(made.provenance, samples=samples, turns=5))


def _nested(labels: np.ndarray, active: np.ndarray, clusters: int) -> tuple[Nesting, np.ndarray]:
    """Put six clusters in a group, one group in two in another, and halve the largest cluster."""
    families = -(-clusters // 6)
    parent = [-1, *([0] * families), *(1 + number // 6 for number in range(clusters))]
    first = 1 + families
    group = np.where(labels >= 0, labels + first, np.where(active, 0, -1)).astype(np.int32)
    largest = int(np.bincount(labels[labels >= 0]).argmax())
    members = np.flatnonzero(labels == largest)
    for half in (members[::2], members[1::2]):
        group[half] = len(parent)
        parent.append(first + largest)
    known = np.full(len(parent), -1, np.int32)
    known[first : first + clusters] = np.arange(clusters)
    return Nesting(np.asarray(parent, np.int32), group, np.full(len(parent), -1, np.int32)), known


def _chain(units: int) -> np.ndarray:
    """Join one unit after another."""
    step = np.arange(units - 1)
    return np.stack([np.where(step == 0, 0, units + step - 1), step + 1, step / units, step + 2], axis=1)


def _cluster(number: int, units: int, rng: np.random.Generator, *, real: bool) -> Cluster:
    inside = float(rng.uniform(0.2, 0.8)) if real else 0.04
    words = [WORDS[(number + step) % len(WORDS)] for step in range(5)]
    sizes = rng.normal(0.3, 1, len(SKILLS))
    return Cluster(
        number=number,
        units=units,
        evidence=Evidence(inside=inside, separation=inside - 0.11, stability=min(1.0, inside + 0.2)),
        null=Evidence(inside=0.052, separation=0.013, stability=0.067),
        real=real,
        tokens=tuple(
            TokenLabel(
                turn=step, token=4, text=word, before="What is 37", after=" 45? It is", z=2.5 - step / 4
            )
            for step, word in enumerate(words)
        ),
        turns=((3, 1.9), (11, 1.2), (7, 0.8)),
        selectivity={
            skill: Effect(size=float(size), low=float(size) - 0.4, high=float(size) + 0.4)
            for skill, size in zip(SKILLS, sizes, strict=True)
        },
    )


def _placement(labels: np.ndarray, rng: np.random.Generator) -> Placement:
    """Place units cluster by cluster, with one empty row."""
    count = len(labels)
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns) + 1
    cells = np.empty((count, 2), np.int32)
    order = np.lexsort((rng.random(count), labels))
    cells[order] = np.stack([np.arange(count) // columns, np.arange(count) % columns], axis=1)
    return Placement(cells[:, ::-1].astype(np.float32), cells, (rows, columns))
