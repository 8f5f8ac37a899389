"""One trial's observations, as the callback makes them."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from llmri.capture.document import Observation, Timings
from llmri.capture.families import Profile
from llmri.capture.placing import Place, place
from llmri.capture.tensor_statistics import RunningStatistics
from llmri_server.llama_runtime.face import Ggml, Tensor, is_contiguous

FIRST_WEIGHT = "token_embd.weight"  # what the first node of every graph reads

# Nodes that compute nothing: they show another's memory, or put values into the cache.
VIEWS = frozenset({"NONE", "VIEW", "RESHAPE", "PERMUTE", "TRANSPOSE", "SET_ROWS", "CPY"})
DTYPES: dict[str, type[np.generic]] = {
    "f32": np.float32,
    "f16": np.float16,
    "bf16": np.uint16,
    "i32": np.int32,
}

MATRIX = 2  # dimensions

Values = npt.NDArray[np.generic]
Key = tuple[str, str, int]  # name, operation, and which of these in the graph


@dataclass(eq=False)
class _Node:
    shape: list[int]
    kind: str
    order: int
    place: Place
    running: RunningStatistics | None
    count: int = 0


@dataclass(eq=False)
class Observer:
    """Counts and measures the nodes of a trial's graphs.

    Attributes:
        ggml: Reads tensors.
        profile: Names what they are.
        measures: Whether values are read too.
        on_pass: Is told when another forward pass begins.
    """

    ggml: Ggml
    profile: Profile
    measures: bool
    on_pass: Callable[[], None] = lambda: None
    passes: int = 0
    positions: int = 0
    _nodes: dict[Key, _Node] = field(default_factory=dict)
    _seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    _by_address: dict[int, _Node] = field(default_factory=dict)
    _began: float = field(default_factory=time.perf_counter)
    _single: float | None = None

    def asked(self, address: int) -> bool:
        """Note a node before it is computed; give whether its values are wanted."""
        tensor = Tensor.from_address(address)
        name = tensor.name.decode(errors="replace")
        operation = self.ggml.op_name(tensor.op).decode()
        if operation == "GET_ROWS" and FIRST_WEIGHT in self._names_read(tensor):
            self._begin_pass(_shape_of(tensor))
        number = self._seen[name, operation]
        self._seen[name, operation] += 1
        key = name, operation, number
        node = self._nodes.get(key) or self._nodes.setdefault(key, self._new(tensor, name, operation))
        node.count += 1
        self._by_address[address] = node
        return node.running is not None

    def computed(self, address: int) -> None:
        """Measure a node whose values were wanted."""
        node = self._by_address[address]
        if node.running is not None:
            shape = _shape_of(Tensor.from_address(address))
            node.running.add(_values_of(self.ggml, address, shape, node.kind))

    def observations(self) -> list[Observation]:
        """Return what was observed, in the order in which it was first seen."""
        return [
            Observation(
                name=name,
                operation=operation,
                shape=node.shape,
                type=node.kind,
                order=node.order,
                count=node.count,
                layer=node.place.layer,
                kind=node.place.kind,
                category=node.place.category,
                statistics=node.running.result() if node.running else None,
            )
            for (name, operation, _), node in self._nodes.items()
        ]

    def timings(self) -> Timings:
        """Return how long it took until now."""
        now = time.perf_counter()
        prompt = (self._single or now) - self._began
        total = now - self._began
        return Timings(total=1000 * total, prompt=1000 * prompt, reply=1000 * (total - prompt))

    def _begin_pass(self, embedding: list[int]) -> None:
        rows = embedding[0]
        if rows == 1 and self.passes and self._single is None:
            self._single = time.perf_counter()
        self.passes += 1
        self.positions += rows
        self._seen.clear()
        self._by_address.clear()
        self.on_pass()

    def _new(self, tensor: Tensor, name: str, operation: str) -> _Node:
        kind = self.ggml.type_name(tensor.type).decode()
        readable = self.measures and _holds_values(tensor, operation, kind)
        return _Node(
            shape=_shape_of(tensor),
            kind=kind,
            order=len(self._by_address),
            place=place(self.profile, name, operation, self._reads(tensor)),
            running=RunningStatistics() if readable else None,
        )

    def _reads(self, tensor: Tensor) -> list[tuple[str, Place | None]]:
        read = []
        for source, name in zip(tensor.src, self._names_read(tensor), strict=False):
            node = self._by_address.get(source or 0)
            read.append((name, node.place if node else None))
        return read

    @staticmethod
    def _names_read(tensor: Tensor) -> list[str]:
        return [Tensor.from_address(source).name.decode(errors="replace") for source in tensor.src if source]


def _shape_of(tensor: Tensor) -> list[int]:
    """Return the shape, the slowest dimension first, at least `[rows, units]`, without more leading ones."""
    shape = list(tensor.ne)[::-1]
    while len(shape) > MATRIX and shape[0] == 1:
        shape.pop(0)
    return shape


def _holds_values(tensor: Tensor, operation: str, kind: str) -> bool:
    """Whether a node computes values that can be read: of a known type, one behind the other."""
    if operation in VIEWS or kind not in DTYPES:
        return False
    return is_contiguous(tensor, np.dtype(DTYPES[kind]).itemsize)


def _values_of(ggml: Ggml, address: int, shape: list[int], kind: str) -> Values:
    """Copy a node's values to this machine's memory, in the shape given; bfloat16 becomes float32."""
    values = np.empty(shape, DTYPES[kind])
    ggml.get(address, values.ctypes.data, 0, values.nbytes)
    if kind == "bf16":
        return (values.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return values
