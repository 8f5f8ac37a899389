"""Which node of llama.cpp's graph is which site, told as the nodes are computed."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from llmri_server.edits import Place
from llmri_server.llama_runtime.ggml import Ggml, Tensor

EMBEDDING = "embedding"  # the first block's input, beside the sites
NAMES = 1 << 14  # that are kept by heart: as many as the nodes of a few large graphs

# ggml numbers the tensors that llama.cpp leaves nameless, and those that it copies from device to device.
NAMELESS = re.compile(r"^(?:node|leaf)_\d+")
COPIED = re.compile(r"^[^#]+#(?P<name>.+)#\d+$")


@dataclass(frozen=True)
class NodeIdentity:
    """What a node is recognised by in every graph of a model.

    Names repeat: `Qcur-0` is a MUL_MAT, a RESHAPE and a ROPE. Nodes without a name are told apart by what
    they read, where a weight has its own; the rest is numbered in the order in which llama.cpp computes it.

    Attributes:
        operation: What it does.
        name: Its name; empty where llama.cpp gives none.
        reads: The names of what it reads, where it has none itself.
        occurrence: How many nodes like it come before.
    """

    operation: str
    name: str
    reads: tuple[str, ...]
    occurrence: int


@dataclass(frozen=True)
class Label:
    """A node's site and its layer."""

    site: str
    layer: int


class Marking:
    """Marks the nodes of one graph at a time, in the order of computing."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[str, str, tuple[str, ...]]] = Counter()

    def start(self) -> None:
        """Forget what was seen: another graph begins."""
        self._seen.clear()

    def mark(self, tensor: Tensor, operation: str, name: str) -> NodeIdentity:
        """Return the next node's mark; nodes may be left out if all with their operation and name are."""
        reads = () if name else tuple(map(_name_at, filter(None, tensor.src)))
        before = self._seen[operation, name, reads]
        self._seen[operation, name, reads] = before + 1
        return NodeIdentity(operation, name, reads, before)


class Recogniser:
    """Recognises the nodes of one graph at a time.

    Args:
        ggml: Reads a tensor.
        marks: What the node of each place is recognised by.
    """

    def __init__(self, ggml: Ggml, marks: Mapping[Place, NodeIdentity]) -> None:
        self._ggml = ggml
        self._marking = Marking()
        self._labels: dict[NodeIdentity, list[Label]] = {}
        self._names: dict[str, set[str]] = {}  # of the only nodes to look at, by their operations
        for (site, layer), mark in marks.items():
            self._labels.setdefault(mark, []).append(Label(site, layer))
            self._names.setdefault(mark.operation, set()).add(mark.name)

    def start(self) -> None:
        """Forget what was seen: another graph begins."""
        self._marking.start()

    def labels(self, address: int) -> list[Label]:
        """Return what the next node of the graph is; mostly nothing."""
        tensor = Tensor.from_address(address)
        operation = self._ggml.operation(tensor.op)
        names = self._names.get(operation)
        if names is None or (name := plain_name(tensor)) not in names:
            return []
        return self._labels.get(self._marking.mark(tensor, operation, name), [])


def plain_name(tensor: Tensor) -> str:
    """Return a tensor's name without what ggml numbers, which differs from graph to graph."""
    return _plain(tensor.name)


def _name_at(address: int) -> str:
    return _plain(Tensor.from_address(address).name)


@lru_cache(maxsize=NAMES)
def _plain(written: bytes) -> str:
    name = written.decode(errors="replace")
    copied = COPIED.match(name)
    return NAMELESS.sub("", copied["name"] if copied else name)
