"""Which node of llama.cpp's graph is which site, told as the nodes are computed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from llmri_server.llama_runtime.architectures import Node
from llmri_server.llama_runtime.ggml import Ggml, Tensor

EMBEDDING = "embedding"  # the first block's input, beside the sites
GET_ROWS = "GET_ROWS"  # leaves out the rows that give no logits, so what reads it reads what it reads


@dataclass(frozen=True)
class Label:
    """A node's site, which of the site's candidates it is, and its layer."""

    site: str
    candidate: int
    layer: int


@dataclass(frozen=True)
class _Candidate:
    site: str
    number: int
    node: Node


class Recogniser:
    """Recognises the nodes of one graph at a time, each by its name and operation, or by what it reads.

    Names repeat: `Qcur-0` is a MUL_MAT, a RESHAPE and a ROPE. Nodes that llama.cpp leaves nameless are known
    by a site that they read, which therefore has to be computed before them, as it is.

    Args:
        ggml: Reads a tensor.
        candidates: The nodes that may be each site, or `EMBEDDING`.
    """

    def __init__(self, ggml: Ggml, candidates: Mapping[str, Sequence[Node]]) -> None:
        self._ggml = ggml
        self._by_operation: dict[str, list[_Candidate]] = {}
        for site, nodes in candidates.items():
            for number, node in enumerate(nodes):
                self._by_operation.setdefault(node.op, []).append(_Candidate(site, number, node))
        self._sites: dict[int, set[tuple[str, int]]] = {}
        self._seen: Counter[_Candidate] = Counter()

    def start(self) -> None:
        """Forget what was seen: another graph begins."""
        self._sites.clear()
        self._seen.clear()

    def labels(self, address: int) -> list[Label]:
        """Give what the next node of the graph is; mostly nothing."""
        tensor = Tensor.from_address(address)
        operation = self._ggml.op_name(tensor.op).decode()
        candidates = self._by_operation.get(operation, ())
        found = list(self._matches(tensor, candidates)) if candidates else []
        if found:
            self._sites[address] = {(label.site, label.layer) for label in found}
        elif operation == GET_ROWS and tensor.src[0] in self._sites:
            self._sites[address] = self._sites[tensor.src[0]]
        return found

    def _matches(self, tensor: Tensor, candidates: Sequence[_Candidate]) -> Iterator[Label]:
        name = tensor.name.decode(errors="replace")
        stem, _, number = name.rpartition("-")
        for candidate in candidates:
            node = candidate.node
            if node.reads:
                layers = self._layers_read(tensor, node.reads)
            elif not node.numbered or candidate.site == EMBEDDING:
                layers = self._counted(candidate) if name == node.node else ()
            else:
                layers = (int(number),) if stem == node.node and number.isdecimal() else ()
            for layer in layers:
                yield Label(candidate.site, candidate.number, layer)

    def _layers_read(self, tensor: Tensor, site: str) -> tuple[int, ...]:
        read = (self._sites.get(source, set()) for source in tensor.src if source)
        return tuple({layer for sites in read for name, layer in sites if name == site})

    def _counted(self, candidate: _Candidate) -> tuple[int, ...]:
        """Number nodes of one name in the order of the layers."""
        self._seen[candidate] += 1
        return (self._seen[candidate] - 1,)
