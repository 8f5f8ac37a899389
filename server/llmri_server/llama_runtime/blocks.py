"""The blocks of a model, told from the steps of its residual stream."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from llmri_server.llama_runtime.graph import Graph
from llmri_server.llama_runtime.stream import Kind, StreamAddition, follow

SCALINGS = frozenset({"SCALE", "MUL"})


@dataclass(frozen=True)
class BlockNodes:
    """The nodes of one block's sites; a text says why there is none.

    Attributes:
        before: The stream that it reads.
        middle: The stream between attention, or what stands for it, and MLP.
        after: The stream that it leaves.
        attention: What attention adds.
        mlp: What the MLP adds.
    """

    before: int
    middle: int | str
    after: int
    attention: int | str
    mlp: int | str


def find_blocks(graph: Graph, layers: int) -> list[BlockNodes] | str:
    """Return every block, or say why the residual stream could not be followed through all of them."""
    steps = follow(graph)
    sorted_steps = _by_layer(steps, layers)
    missed = [layer for layer, own in enumerate(sorted_steps) if not own]
    if missed:
        return f"the residual stream is no plain sum in layer {missed[-1]}"
    if [step for own in sorted_steps for step in own] != steps[-sum(map(len, sorted_steps)) :]:
        return "the residual stream passes the layers out of order"
    starts = [own[0].before for own in sorted_steps]
    ends = [*starts[1:], _end(graph, sorted_steps)]
    return [
        _block(own, start, end, layer)
        for layer, (own, start, end) in enumerate(zip(sorted_steps, starts, ends, strict=True))
    ]


def _by_layer(steps: Sequence[StreamAddition], layers: int) -> list[list[StreamAddition]]:
    """Sort steps by layer; one that reads no weight belongs to the layer before it."""
    found: list[list[StreamAddition]] = [[] for _ in range(layers)]
    latest: int | None = None
    for step in steps:
        latest = latest if step.layer is None else step.layer
        if latest is not None and latest < layers:
            found[latest].append(step)
    return found


def _end(graph: Graph, steps: Sequence[Sequence[StreamAddition]]) -> int:
    """Return what the last block leaves: the last sum, and what is done to it before the final norm.

    Scaling is the block's own, as in RWKV 6; a norm is where it ends the block before, too.
    """
    last = steps[-1][-1]
    usual = steps[-2][-1].path if len(steps) > 1 else ()
    operations = [graph.nodes[number].operation for number in last.path]
    count = len(list(takewhile(SCALINGS.__contains__, operations)))
    if operations[: len(usual)] == [graph.nodes[number].operation for number in usual]:
        count = max(count, len(usual))
    return (last.after, *last.path)[count]


def _block(steps: Sequence[StreamAddition], before: int, after: int, layer: int) -> BlockNodes:
    attention, mlp = _written(steps, "attention", layer), _written(steps, "mlp", layer)
    return BlockNodes(before, _middle(steps, layer), after, attention, mlp)


def _written(steps: Sequence[StreamAddition], kind: Kind, layer: int) -> int | str:
    """Return the one operand that a branch of this kind alone adds."""
    name = "MLP" if kind == "mlp" else kind
    terms = [term for step in steps for term in step.terms if kind in term.kinds]
    if not terms:
        return f"layer {layer} has no {name}"
    if len(terms) > 1:
        return f"layer {layer} adds more than one {name}"
    if len(terms[0].kinds) > 1:
        return f"layer {layer} adds {name} and something else as one"
    return terms[0].node


def _middle(steps: Sequence[StreamAddition], layer: int) -> int | str:
    """Return the stream that the MLP reads where something was added in this block before."""
    of_mlp = [
        number for number, step in enumerate(steps) if any(term.kinds == {"mlp"} for term in step.terms)
    ]
    if not of_mlp:
        return f"layer {layer} has no MLP"
    if of_mlp == [0]:
        return f"layer {layer} adds nothing before its MLP, as where attention runs in parallel"
    return steps[of_mlp[-1]].before
