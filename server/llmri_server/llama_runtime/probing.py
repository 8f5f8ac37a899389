"""One decode at load that shows the nodes of the graph, and what each reads."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from math import prod

from llmri_server.llama_runtime.context import Context, Pass
from llmri_server.llama_runtime.ggml import Ggml, Tensor
from llmri_server.llama_runtime.graph import Graph, Node
from llmri_server.llama_runtime.model import Model
from llmri_server.llama_runtime.observer import Callback, noticed, unreadable
from llmri_server.llama_runtime.recognition import COPIED, Marking, plain_name
from llmri_server.runtime import LoadError

POSITIONS, OUTPUTS = 3, 2  # different, so that a tensor's rows tell which of both they are


def probe(model: Model) -> Graph:
    """Decode a few tokens and look at every node before it is computed.

    Raises:
        LoadError: The context is too short for them.
    """
    surveyor = _Surveyor(model.engine.ggml)
    context = Context(model, surveyor, model.options.flash_attention)
    if context.length <= POSITIONS:
        raise LoadError(
            f"a context of {context.length} tokens is too short to look for the model's sites in; "
            f"ask for at least {POSITIONS + 1}"
        )
    outputs = tuple(range(POSITIONS - OUTPUTS, POSITIONS))
    context.decode(Pass(probe_ids(model)[:POSITIONS], 0, POSITIONS, outputs))
    return Graph(surveyor.nodes)


def probe_ids(model: Model) -> tuple[int, ...]:
    """Return a few different tokens, one more than a probe reads."""
    return tuple(model.tokens * step // (POSITIONS + 2) for step in range(1, POSITIONS + 2))


class _Surveyor:
    """Asks for no node, and remembers how each looks before it is computed."""

    def __init__(self, ggml: Ggml) -> None:
        self._ggml = ggml
        self._marking = Marking()
        self._failure: BaseException | None = None
        self._numbers: dict[int, int] = {}
        self._latest: dict[str, int] = {}  # numbers by full names, for copies between devices
        self.nodes: list[Node] = []
        self.callback = Callback(self._look)

    def begin(self, count_reused: Callable[[], int]) -> None:  # noqa: ARG002 - one graph, seen once
        self._marking.start()
        self._numbers.clear()
        self._latest.clear()
        self.nodes = []

    def attentive(self) -> AbstractContextManager[None]:
        return noticed(self._look, self._fail)

    def end(self, *, complete: bool) -> None:  # noqa: ARG002 - llama.cpp's own problem is raised by the context
        if self._failure is not None:
            raise self._failure

    def _look(self, address: int) -> bool:
        try:
            node = self._node(address)
            self._numbers[address] = self._latest[_full_name(address)] = len(self.nodes)
            self.nodes.append(node)
        except BaseException as error:
            self._fail(error)
        return False

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error

    def _node(self, address: int) -> Node:
        tensor = Tensor.from_address(address)
        mark = self._marking.mark(tensor, self._ggml.operation(tensor.op), plain_name(tensor))
        shape = [length for length in tensor.ne if length > 1]
        rows = shape[-1] if shape else 1
        return Node(
            mark=mark,
            reads=tuple(self._read(source) for source in tensor.src if source),
            width=prod(shape[:-1]),
            cut=rows == OUTPUTS,
            problem=unreadable(self._ggml, tensor) or _not_rows(mark.name, rows),
        )

    def _read(self, source: int) -> int | str:
        """Return the number of the node at an address, or that it was copied from, else a name."""
        if source in self._numbers:
            return self._numbers[source]
        copied = COPIED.match(_full_name(source))
        if copied and copied["name"] in self._latest:
            return self._latest[copied["name"]]
        return plain_name(Tensor.from_address(source))


def _full_name(address: int) -> str:
    name: str = Tensor.from_address(address).name.decode(errors="replace")
    return name


def _not_rows(name: str, rows: int) -> str | None:
    if rows in (POSITIONS, OUTPUTS):
        return None
    return f"the node `{name}` has {rows} rows for {POSITIONS} tokens"
