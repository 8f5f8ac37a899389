"""The residual stream is found by what is added to what, however a graph is arranged."""

from collections.abc import Callable

import pytest

from llmri_server.llama_runtime.blocks import BlockNodes, find_blocks
from llmri_server.llama_runtime.graph import Graph, Node
from llmri_server.llama_runtime.recognition import NodeIdentity

WIDTH = 8


class Drawing:
    """A graph that is written down node by node; a node is its number, a weight or an input its name."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def node(self, operation: str, *reads: int | str) -> int:
        self.nodes.append(Node(NodeIdentity(operation, "", (), len(self.nodes)), reads, WIDTH))
        return len(self.nodes) - 1

    def embedding(self) -> int:
        return self.node("GET_ROWS", "token_embd.weight", "inp_tokens")

    def product(self, weight: str, value: int) -> int:
        return self.node("MUL_MAT", weight, value)

    def attention(self, layer: int, stream: int) -> int:
        normed = self.node("MUL", self.node("RMS_NORM", stream), f"blk.{layer}.attn_norm.weight")
        scores = self.node("SOFT_MAX", self.product(f"blk.{layer}.attn_q.weight", normed), "mask")
        return self.product(f"blk.{layer}.attn_output.weight", self.node("RESHAPE", scores))

    def mlp(self, layer: int, stream: int) -> int:
        normed = self.node("RMS_NORM", stream)
        neurons = self.node("UNARY", self.product(f"blk.{layer}.ffn_up.weight", normed))
        return self.product(f"blk.{layer}.ffn_down.weight", neurons)

    def blocks(self, last: int, layers: int) -> list[BlockNodes] | str:
        self.product("output.weight", self.node("MUL", self.node("RMS_NORM", last), "output_norm.weight"))
        return find_blocks(Graph(self.nodes), layers)


Arrangement = Callable[[Drawing, int, int], tuple[int, BlockNodes]]


def one_after_the_other(graph: Drawing, layer: int, stream: int) -> tuple[int, BlockNodes]:
    attention = graph.attention(layer, stream)
    middle = graph.node("ADD", attention, stream)
    mlp = graph.mlp(layer, middle)
    after = graph.node("ADD", mlp, middle)
    return after, BlockNodes(stream, middle, after, attention, mlp)


def with_biases_norms_and_multipliers(graph: Drawing, layer: int, stream: int) -> tuple[int, BlockNodes]:
    biased = graph.node("ADD", graph.attention(layer, stream), f"blk.{layer}.attn_output.bias")
    attention = graph.node("SCALE", biased)
    middle = graph.node("ADD", stream, attention)
    normed = graph.node("RMS_NORM", graph.mlp(layer, middle))
    mlp = graph.node("MUL", normed, f"blk.{layer}.post_ffw_norm.weight")
    after = graph.node("ADD", middle, mlp)
    return after, BlockNodes(stream, middle, after, attention, mlp)


def branches_added_first(graph: Drawing, layer: int, stream: int) -> tuple[int, BlockNodes]:
    attention, mlp = graph.attention(layer, stream), graph.mlp(layer, stream)
    after = graph.node("ADD", graph.node("ADD", mlp, attention), stream)
    return after, BlockNodes(stream, PARALLEL.format(layer), after, attention, mlp)


def the_mlp_added_first(graph: Drawing, layer: int, stream: int) -> tuple[int, BlockNodes]:
    attention, mlp = graph.attention(layer, stream), graph.mlp(layer, stream)
    after = graph.node("ADD", graph.node("ADD", mlp, stream), attention)
    return after, BlockNodes(stream, PARALLEL.format(layer), after, attention, mlp)


def a_sum_that_nobody_reads(graph: Drawing, layer: int, stream: int) -> tuple[int, BlockNodes]:
    """StableLM 2 adds attention to the stream before the MLP, which reads what was there before."""
    attention = graph.attention(layer, stream)
    early = graph.node("ADD", attention, stream)
    mlp = graph.mlp(layer, stream)
    after = graph.node("ADD", mlp, early)
    return after, BlockNodes(stream, PARALLEL.format(layer), after, attention, mlp)


def scaled_at_the_end(graph: Drawing, layer: int, stream: int) -> tuple[int, BlockNodes]:
    after, block = one_after_the_other(graph, layer, stream)
    scaled = graph.node("MUL", after, f"blk.{layer}.layer_output_scale.weight")
    return scaled, BlockNodes(block.before, block.middle, scaled, block.attention, block.mlp)


def attention_beside_a_recurrence(graph: Drawing, layer: int, stream: int) -> tuple[int, BlockNodes]:
    attention = graph.attention(layer, stream)
    other = graph.product(f"blk.{layer}.ssm_out.weight", graph.node("RMS_NORM", stream))
    middle = graph.node("ADD", graph.node("ADD", attention, other), stream)
    mlp = graph.mlp(layer, middle)
    after = graph.node("ADD", mlp, middle)
    return after, BlockNodes(stream, middle, after, attention, mlp)


def a_recurrence_and_nothing_else(graph: Drawing, layer: int, stream: int) -> tuple[int, BlockNodes]:
    mixed = graph.product(f"blk.{layer}.ssm_out.weight", graph.node("RMS_NORM", stream))
    after = graph.node("ADD", mixed, stream)
    none = f"layer {layer} has no attention", f"layer {layer} has no MLP"
    return after, BlockNodes(stream, none[1], after, *none)


def experts_and_a_shared_one(graph: Drawing, layer: int, stream: int) -> tuple[int, BlockNodes]:
    attention = graph.attention(layer, stream)
    middle = graph.node("ADD", attention, stream)
    routed = graph.node("MUL_MAT_ID", f"blk.{layer}.ffn_down_exps.weight", graph.node("RMS_NORM", middle))
    summed = graph.node("ADD", graph.node("VIEW", routed), graph.node("VIEW", routed))
    shared = graph.product(f"blk.{layer}.ffn_down_shexp.weight", graph.node("RMS_NORM", middle))
    mlp = graph.node("ADD", summed, shared)
    after = graph.node("ADD", mlp, middle)
    return after, BlockNodes(stream, middle, after, attention, mlp)


PARALLEL = "layer {} adds nothing before its MLP, as where attention runs in parallel"
ARRANGEMENTS: tuple[Arrangement, ...] = (
    one_after_the_other,
    with_biases_norms_and_multipliers,
    branches_added_first,
    the_mlp_added_first,
    a_sum_that_nobody_reads,
    scaled_at_the_end,
    attention_beside_a_recurrence,
    a_recurrence_and_nothing_else,
    experts_and_a_shared_one,
)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_every_block_is_found_however_it_is_arranged(arrangement: Arrangement) -> None:
    graph, expected = Drawing(), []
    stream = graph.node("ADD", graph.embedding(), graph.node("GET_ROWS", "position_embd.weight", "inp_pos"))
    for layer in range(3):
        stream, block = arrangement(graph, layer, stream)
        expected.append(block)
    assert graph.blocks(stream, 3) == expected


def test_rows_that_are_left_out_in_the_last_layer_are_seen_through() -> None:
    graph = Drawing()
    stream, first = one_after_the_other(graph, 0, graph.embedding())
    attention = graph.attention(1, stream)
    middle = graph.node(
        "ADD", graph.node("GET_ROWS", attention, "out_ids"), graph.node("GET_ROWS", stream, "out_ids")
    )
    mlp = graph.mlp(1, middle)
    after = graph.node("ADD", mlp, middle)
    assert graph.blocks(after, 2) == [first, BlockNodes(stream, middle, after, attention, mlp)]


def test_a_stream_that_is_no_sum_is_told_with_the_layer() -> None:
    graph = Drawing()
    stream, _ = one_after_the_other(graph, 0, graph.embedding())
    mixed = graph.node("CONCAT", graph.attention(1, stream), stream)
    last, _ = one_after_the_other(graph, 2, mixed)
    assert graph.blocks(last, 3) == "the residual stream is no plain sum in layer 1"
