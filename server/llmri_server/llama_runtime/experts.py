"""The sites of a mixture of experts, where each layer is one."""

from collections.abc import Sequence

from llmri_server.llama_runtime.graph import Graph
from llmri_server.llama_runtime.sites import EXPERT_OUT, ROUTER
from llmri_server.llama_runtime.stream import ADD

AFTER_SUM = frozenset({"SCALE", "MUL", "RMS_NORM", "NORM"})
PROBABILITIES = frozenset({"SOFT_MAX", "UNARY"})  # the latter is a sigmoid: each expert by itself


def find_experts(graph: Graph, mlps: Sequence[int]) -> dict[str, list[int]]:
    """Return the experts' probabilities, and what the chosen experts write, where all layers have them.

    Args:
        graph: What a decode showed.
        mlps: What the MLP adds to the residual stream in each layer: the experts' sum, and at most a shared
            expert's too. Where it is scaled or normalised once more, the experts themselves write something
            else to the stream than their nodes hold, so that site is left out.
    """
    sums = [_summed(graph, mlp) for mlp in mlps]
    written = [node for number in sums if (node := _written(graph, number)) is not None]
    routers = [router for node in written if (router := _router(graph, node)) is not None]
    found = {ROUTER: routers, EXPERT_OUT: written if sums == list(mlps) else []}
    return {name: nodes for name, nodes in found.items() if len(nodes) == len(mlps)}


def _summed(graph: Graph, mlp: int) -> int:
    """Return the sum that an MLP scales or normalises at its end, or the MLP itself."""
    while graph.nodes[mlp].operation in AFTER_SUM and len(graph.sources(mlp)) == 1:
        (mlp,) = graph.sources(mlp)
    return mlp


def _written(graph: Graph, mlp: int) -> int | None:
    """Return the node of whose views, one for each chosen expert, the sum consists."""
    found = {
        origin
        for number in _summands(graph, mlp)
        if (origin := _viewed(graph, number)) is not None and graph.nodes[origin].operation == "MUL"
    }
    return found.pop() if len(found) == 1 else None


def _summands(graph: Graph, number: int) -> list[int]:
    if graph.nodes[number].operation != ADD:
        return [number]
    return [summand for source in graph.sources(number) for summand in _summands(graph, source)]


def _viewed(graph: Graph, number: int) -> int | None:
    node = graph.nodes[number]
    first = node.reads[0] if node.operation == "VIEW" else None
    return first if isinstance(first, int) else None


def _router(graph: Graph, written: int) -> int | None:
    """The probabilities by which the experts' outputs are multiplied: their rows are taken by choice."""
    number: int | str = graph.nodes[written].reads[-1]
    while isinstance(number, int):
        node = graph.nodes[number]
        if node.operation == "GET_ROWS" and isinstance(node.reads[0], int):
            router = graph.origin(node.reads[0])
            return router if graph.nodes[router].operation in PROBABILITIES else None
        number = node.reads[0] if node.reads else ""
    return None
