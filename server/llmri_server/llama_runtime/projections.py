"""What a block's projections read: the heads' values, and the neurons of a dense MLP."""

from collections.abc import Iterator

from llmri_server.llama_runtime.graph import Graph, Weight, weight_of

OUTPUT, DOWN = "attn_output.weight", "ffn_down.weight"
EXPERTS = "ffn_down_exps.weight"
PRODUCTS = frozenset({"MUL_MAT", "MUL_MAT_ID"})


def read_by_attention_output(graph: Graph, layers: int) -> list[int] | str:
    """Return what the output projection of attention reads in each layer, or say which has none."""
    return _read(graph, OUTPUT, layers)


def read_by_down(graph: Graph, layers: int) -> list[int] | str:
    """What the projection of the MLP's neurons reads in each layer, or why there is no such tensor.

    Of a mixture of experts only the chosen ones are computed, each with neurons of its own, so no unit of one
    tensor is one neuron; what a shared expert computes beside them is not the MLP's either.
    """
    for weight, _ in _products(graph):
        if weight.name == EXPERTS:
            return f"layer {weight.layer} is a mixture of experts, whose neurons no single tensor holds"
    return _read(graph, DOWN, layers)


def _read(graph: Graph, name: str, layers: int) -> list[int] | str:
    found: dict[int, list[int]] = {layer: [] for layer in range(layers)}
    for weight, number in _products(graph):
        if weight.name == name and weight.layer in found:
            found[weight.layer].append(number)
    for layer, numbers in found.items():
        if len(numbers) != 1:
            return f"layer {layer} has {len(numbers)} products with `blk.{layer}.{name}`, expected 1"
    return [number for (number,) in found.values()]


def _products(graph: Graph) -> Iterator[tuple[Weight, int]]:
    """Yield each weight that is multiplied with a node, and the node."""
    for node in graph.nodes:
        if node.operation in PRODUCTS and isinstance(node.reads[0], str) and isinstance(node.reads[1], int):
            weight = weight_of(node.reads[0])
            if weight is not None:
                yield weight, node.reads[1]
