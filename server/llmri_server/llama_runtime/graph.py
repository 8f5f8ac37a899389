"""llama.cpp's graph as one decode showed it: its nodes, what each reads, and what each depends on."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from llmri_server.llama_runtime.recognition import NodeIdentity

TOKENS = "inp_tokens"  # llama.cpp's name of its input
WEIGHT = re.compile(r"^blk\.(?P<layer>\d+)\.(?P<name>.+)$")  # as the GGUF format names a block's weights
SAME_VALUES = frozenset({"RESHAPE", "CONT"})  # of what they read
GET_ROWS = "GET_ROWS"


@dataclass(frozen=True)
class Weight:
    """A weight of a block: its layer, and its name there, such as `ffn_down.weight`."""

    layer: int
    name: str


@dataclass(frozen=True)
class Node:
    """What a node showed before it was computed.

    Attributes:
        mark: What it is recognised by.
        reads: The numbers of the nodes that it reads, or the names of weights and inputs.
        width: Its values for a position.
        cut: Whether it only has the rows that give logits.
        problem: Why its values cannot be read as rows, if they cannot.
    """

    mark: NodeIdentity
    reads: tuple[int | str, ...]
    width: int
    cut: bool = False
    problem: str | None = None

    @property
    def operation(self) -> str:
        """What it does."""
        return self.mark.operation

    @property
    def title(self) -> str:
        """Its name and operation for whoever reads of it."""
        return f"`{self.mark.name}` ({self.operation})" if self.mark.name else f"a nameless {self.operation}"


class Graph:
    """The nodes by their numbers, in the order of computing."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes

    @cached_property
    def _above(self) -> list[int]:
        """What each node depends on, itself too, a bit a node."""
        above: list[int] = []
        for number, node in enumerate(self.nodes):
            bits = 1 << number
            for source in node.reads:
                bits |= above[source] if isinstance(source, int) else 0
            above.append(bits)
        return above

    @cached_property
    def _of_tokens(self) -> int:
        """The nodes that read the tokens."""
        return sum(1 << number for number, node in enumerate(self.nodes) if TOKENS in node.reads)

    def depends(self, number: int, on: int) -> bool:
        """Whether a node is computed from another, or is it."""
        return bool(self._above[number] >> on & 1)

    def sources(self, number: int) -> list[int]:
        """Return the nodes that a node reads and that depend on the tokens, each as its `origin`."""
        reads = (source for source in self.nodes[number].reads if isinstance(source, int))
        return [self.origin(source) for source in reads if self._above[source] & self._of_tokens]

    def origin(self, number: int) -> int:
        """Return the node whose values a node has: it leaves rows out, copies, or shapes them otherwise."""
        node = self.nodes[number]
        first = node.reads[0] if node.reads else None
        while isinstance(first, int) and (node.operation in SAME_VALUES or _leaves_rows_out(node)):
            number, node = first, self.nodes[first]
            first = node.reads[0] if node.reads else None
        return number

    def between(self, start: int, end: int) -> Iterator[int]:
        """Yield the nodes that a node is computed from, itself too, without those that another is."""
        bits = self._above[end] & ~self._above[start]
        while bits:
            lowest = bits & -bits
            yield lowest.bit_length() - 1
            bits ^= lowest

    def weights(self, start: int, end: int) -> set[Weight]:
        """Return the blocks' weights that are read between two nodes."""
        return {
            weight
            for number in self.between(start, end)
            for source in self.nodes[number].reads
            if isinstance(source, str) and (weight := weight_of(source)) is not None
        }


def weight_of(name: str) -> Weight | None:
    """Return the weight that a tensor's name means, None where it means none of a block."""
    match = WEIGHT.match(name)
    return Weight(int(match["layer"]), match["name"]) if match else None


def _leaves_rows_out(node: Node) -> bool:
    """Whether it takes rows whose numbers are an input: those that give logits."""
    return node.operation == GET_ROWS and isinstance(node.reads[1], str)
