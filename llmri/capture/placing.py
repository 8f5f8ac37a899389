"""Where in the model a node of the graph stands, and what it is there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llmri.capture.document import EMBEDDING_LAYER, FINAL_NORM_LAYER, OUTPUT_LAYER, Category
from llmri.capture.families import Meaning, Profile

SEEN_OTHERWISE = re.compile(r"(?: \([^)]*\))+$")  # `Kcur-0 (view)` is `Kcur-0`, seen otherwise
NUMBERED = re.compile(r"(.+?)(?:-|_l)(\d+)")  # `Kcur-0`, `cache_k_l0`
NAMELESS = re.compile(r"node_\d+")
WEIGHT = re.compile(r"(?:blk\.(\d+)\.)?(.+)\.(?:weight|bias)")

BLOCK_OUTPUT, NORM = "block output", "norm"
UNKNOWN: Meaning = ("", "other")


@dataclass(frozen=True)
class Place:
    """The layer, kind and category of a node, as in `Observation`."""

    layer: int
    kind: str
    category: Category


def place(profile: Profile, name: str, operation: str, reads: Sequence[tuple[str, Place | None]]) -> Place:
    """Say what a node is.

    Args:
        profile: The names of its family.
        name: Its name.
        operation: What it computes.
        reads: The names of what it reads, and their places where they are nodes and not weights.
    """
    stem = SEEN_OTHERWISE.sub("", name)
    numbered = NUMBERED.fullmatch(stem)
    base = numbered[1] if numbered else stem
    weights = [match for read, _ in reads if (match := WEIGHT.fullmatch(read))]
    places = [found for _, found in reads if found]
    kind, category = _meaning(profile, base, operation, [weight[2] for weight in weights], places)
    if numbered:
        return Place(int(numbered[2]), kind, category)
    layers = [int(weight[1]) for weight in weights if weight[1]]
    return Place(_layer(profile, base, layers, places), kind, category)


def _meaning(profile: Profile, base: str, operation: str, weights: list[str], places: list[Place]) -> Meaning:
    if base in profile.nodes:
        return profile.nodes[base]
    if any(found.layer >= FINAL_NORM_LAYER for found in places):
        return profile.nodes["result_output"]
    if NAMELESS.fullmatch(base):
        if operation in profile.operations:
            return profile.operations[operation]
        for weight in weights:
            if weight in profile.weights:
                return profile.weights[weight]
    return (places[0].kind, places[0].category) if places else UNKNOWN


def _layer(profile: Profile, base: str, weights: list[int], places: list[Place]) -> int:
    """Return the layer of a node whose name has none: of its weight, or the last one that it reads."""
    if base in profile.layers:
        return profile.layers[base]
    if base == NORM and any(found.kind == BLOCK_OUTPUT for found in places):
        return FINAL_NORM_LAYER
    if any(found.layer >= FINAL_NORM_LAYER for found in places):
        return OUTPUT_LAYER
    return max(weights or [found.layer for found in places], default=EMBEDDING_LAYER)
