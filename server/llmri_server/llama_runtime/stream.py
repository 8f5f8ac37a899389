"""The residual stream in llama.cpp's graph, followed from the logits back to the embedding.

It is a sum: each addition takes what the stream was, and what a branch that read it writes (Elhage et al., "A
Mathematical Framework for Transformer Circuits", 2021). So of an addition's terms the one that all others are
computed from is the stream, whatever llama.cpp calls it, and the others are what is written to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from llmri_server.llama_runtime.graph import Graph, Weight

Kind = Literal["attention", "mlp", "mixer"]

ADD = "ADD"
TERMS = 2  # of an addition; what is added to only one term that depends on the tokens is a bias

# What a branch is, by the weights that the GGUF format gives it.
KINDS: dict[str, Kind] = {
    "attn_output.": "attention",
    "ffn_down": "mlp",
    "ssm_": "mixer",
    "time_mix_": "mixer",
    "channel_mix_": "mixer",
    "shortconv.": "mixer",
}


@dataclass(frozen=True)
class Term:
    """What is added to the stream: the node that is the operand, and what kind of branch it ends."""

    node: int
    kinds: frozenset[Kind]


@dataclass(frozen=True)
class StreamAddition:
    """An addition to the stream.

    Attributes:
        before: The stream's node that is added to.
        terms: What is added.
        after: The sum's node.
        path: The nodes that change the stream from there to the next step, or to the logits.
        layer: The block whose weights the terms read; None where they read none.
    """

    before: int
    terms: tuple[Term, ...]
    after: int
    path: tuple[int, ...]
    layer: int | None


def follow(graph: Graph) -> list[StreamAddition]:
    """Return the steps of the stream, the first one first; as many as can be told from the logits back."""
    steps: list[StreamAddition] = []
    path: list[int] = []
    number = len(graph.nodes) - 1
    while True:
        sources = graph.sources(number)
        if graph.nodes[number].operation == ADD and len(sources) == TERMS:
            step = _step(graph, number, sources, tuple(reversed(path)))
            if step is None:
                break
            steps.append(step)
            number, path = step.before, []
        elif len(sources) == 1:
            path.append(number)
            (number,) = sources
        else:
            break
    return steps[::-1]


def _step(graph: Graph, number: int, terms: list[int], path: tuple[int, ...]) -> StreamAddition | None:
    """Take an addition apart until one of its terms is what all others are computed from."""
    terms = list(terms)
    while (before := _stream(graph, terms)) is None:
        sums = [term for term in terms if _is_sum(graph, term)]
        if not sums:
            return None
        terms.remove(max(sums))
        terms += graph.sources(max(sums))
    terms.remove(before)
    layers = {weight.layer for term in terms for weight in graph.weights(before, term)}
    written = tuple(part for term in terms for part in _parts(graph, term, before))
    return StreamAddition(before, written, number, path, layers.pop() if len(layers) == 1 else None)


def _stream(graph: Graph, terms: list[int]) -> int | None:
    """Return the term that all others are computed from."""
    for term in terms:
        if all(other != term and graph.depends(other, on=term) for other in terms if other is not term):
            return term
    return None


def _parts(graph: Graph, term: int, before: int) -> Iterator[Term]:
    """Yield a branch, or those that were added before the stream was."""
    kinds = frozenset(_kinds(graph.weights(before, term)))
    if len(kinds) > 1 and _is_sum(graph, term):
        for source in graph.sources(term):
            yield from _parts(graph, source, before)
    else:
        yield Term(term, kinds)


def _is_sum(graph: Graph, number: int) -> bool:
    return graph.nodes[number].operation == ADD and len(graph.sources(number)) == TERMS


def _kinds(weights: set[Weight]) -> Iterator[Kind]:
    for weight in weights:
        for beginning, kind in KINDS.items():
            if weight.name.startswith(beginning):
                yield kind
