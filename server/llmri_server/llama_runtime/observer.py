"""The callback by which llama.cpp shows each node of its graph.

It is called before a node is computed, to ask whether the node shall be shown, about 250 times a token, and
once more when a wanted node is there. So most answers are known by heart, by the node's address: nodes keep
theirs while llama.cpp reuses its graph. A graph that was built anew is noticed at its first ask, because
llama.cpp counts how often it reused one; then its nodes are recognised anew.
"""

import ctypes
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from llmri_server.edits import Place
from llmri_server.llama_runtime.ggml import F16, F32, Ggml, Tensor, is_contiguous
from llmri_server.llama_runtime.recognition import Recogniser

SIZES = {F32: 4, F16: 2}  # bytes of a value

Stop = Callable[[int, bool], None]  # what to do at a node: its address, and whether its values are float16

# Of llama.cpp's three arguments the address alone is taken: in C a function may leave those behind it unread,
# and each that is not made an object saves some of the time of an ask.
Callback = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p)


class UnseenError(RuntimeError):
    """A pass has another graph than those that were looked at when the model was loaded.

    Attributes:
        places: Those whose nodes it lacks.
    """

    def __init__(self, message: str, places: frozenset[Place]) -> None:
        super().__init__(message)
        self.places = places


class _ByHeart(dict[int, bool]):
    """The addresses of nodes that nobody wants, each with False; what is asked of others is passed on.

    Its `__getitem__` is the callback, so that no Python runs at most nodes.
    """

    def __init__(self, pass_on: Callable[[int], bool]) -> None:
        super().__init__()
        self._pass_on = pass_on

    def __missing__(self, address: int) -> bool:
        return self._pass_on(address)


class Observer:
    """Stops at some nodes of one context.

    An exception in a callback would be lost, and llama.cpp would give the logits of an earlier pass. So it
    is kept, and raised when the pass is over.

    Args:
        ggml: Reads tensors.
        recogniser: Knows the nodes of the sites, one candidate each.

    Attributes:
        callback: What llama.cpp calls; it has to live as long as the context.
        rebuilt: How many graphs were seen.
    """

    def __init__(self, ggml: Ggml, recogniser: Recogniser) -> None:
        self._ggml = ggml
        self._recogniser = recogniser
        self._count_reused: Callable[[], int] = lambda: 0
        self._unwanted = _ByHeart(self._act)
        self._places: dict[int, tuple[Place, bool]] = {}  # of the sites' nodes, and whether they hold float16
        self._stops: Mapping[Place, Stop] = {}
        self._wanted: dict[int, tuple[Stop, bool]] = {}  # what to do at those that are stopped at
        self._asked: int | None = None  # the wanted node that is computed at present
        self._first: int | None = None  # the address that the present graph began with
        self._awaits_first = False
        self._visited = 0
        self._reused = 0
        self._failure: BaseException | None = None
        self.rebuilt = 0
        self.callback = Callback(self._unwanted.__getitem__)

    def attend(self, stops: Mapping[Place, Stop]) -> None:
        """Stop at the nodes of these places from the next pass on."""
        self._stops = stops
        self._wanted.clear()
        for address in self._places:
            self._unwanted.pop(address, None)  # it is sorted in when it is asked for

    def begin(self, count_reused: Callable[[], int]) -> None:
        """Expect a pass; `count_reused` gives how often llama.cpp has reused a graph of its context."""
        self._count_reused = count_reused
        self._failure = None
        self._asked = None
        self._visited = 0
        self._awaits_first = True
        if self._first is not None:
            self._unwanted.pop(self._first, None)  # so that this ask is not answered by heart

    def attentive(self) -> AbstractContextManager[None]:
        """Notice, inside, what is raised as the callback is entered."""
        return noticed(self._unwanted.__getitem__, self._fail)

    def end(self, *, complete: bool) -> None:
        """Learn that the pass is over; raise what went wrong, and where it is complete, what was missed."""
        failure = self._failure or (self._overlooked() if complete else None)
        if failure is not None:
            self._forget()
            raise failure

    def _overlooked(self) -> RuntimeError | None:
        """Say what was not seen in a pass in which nothing failed, if anything."""
        if self._awaits_first:
            return RuntimeError("llama.cpp moved its graph to other addresses unnoticed")
        if self._visited != len(self._stops):
            seen = {place for place, _ in self._places.values()}
            return UnseenError(
                f"{self._visited} nodes were shown, expected {len(self._stops)}: this pass of llama.cpp "
                "has another graph than the one that was looked at when the model was loaded",
                frozenset(self._stops.keys() - seen),
            )
        return None

    def _act(self, address: int) -> bool:
        """Answer an ask that is not answered by heart, or do what shall be done at a node that is there."""
        try:
            if address != self._asked:
                return self._meet(address)
            self._asked = None
            self._visited += 1
            stop, half = self._wanted[address]
            stop(address, half)
        except BaseException as error:
            self._fail(error)
        return True  # anything else would end the pass, with the logits of an earlier one

    def _meet(self, address: int) -> bool:
        """Answer an ask."""
        if self._awaits_first:
            self._awaits_first = False
            reused, before = self._count_reused(), self._reused
            self._reused = reused
            if reused == before or address != self._first:
                self._forget()
                self._first = address
                self.rebuilt += 1
        if address in self._wanted or self._is_wanted(address):
            self._asked = address
            return True
        self._unwanted[address] = False
        return False

    def _is_wanted(self, address: int) -> bool:
        """Whether to stop at a node that was not asked for since the wishes or the graph changed."""
        known = self._places.get(address) or self._recognised(address)
        if known is None or known[0] not in self._stops:
            return False
        place, half = known
        self._wanted[address] = self._stops[place], half
        return True

    def _fail(self, error: BaseException) -> None:
        """Keep what was raised in the pass; only the first is told."""
        self._failure = self._failure or error

    def _forget(self) -> None:
        self._first = None
        self._unwanted.clear()
        self._wanted.clear()
        self._places.clear()
        self._recogniser.start()

    def _recognised(self, address: int) -> tuple[Place, bool] | None:
        """Return the place of a node that belongs to a site, and whether it holds float16.

        Raises:
            RuntimeError: Its values cannot be read as numbers that lie one behind the other.
        """
        labels = self._recogniser.labels(address)
        if not labels:
            return None
        tensor = Tensor.from_address(address)
        problem = unreadable(self._ggml, tensor)
        if problem:
            raise RuntimeError(problem)
        self._places[address] = ((labels[0].site, labels[0].layer), tensor.type == F16)
        return self._places[address]


def unreadable(ggml: Ggml, tensor: Tensor) -> str | None:
    """Say why a tensor's values cannot be read as rows, if they cannot."""
    name = tensor.name.decode(errors="replace")
    if tensor.type not in SIZES:
        kind = ggml.type_name(tensor.type).decode()
        return f"the node `{name}` holds {kind}, and only f32 and f16 can be read"
    if not is_contiguous(tensor, SIZES[tensor.type]):
        return f"the values of the node `{name}` do not lie one behind the other"
    return None


Notice = Callable[[BaseException], None]
OF_CTYPES = "ctypes callback"  # what the message names from Python 3.13 on, in place of the object

_lock = threading.Lock()
_noticing: list[tuple[object, Notice]] = []
_before = sys.unraisablehook  # the hook that stands while nobody notices anything


@contextmanager
def noticed(called: object, notice: Notice) -> Iterator[None]:
    """Hand on what is raised as a callback is entered, while inside.

    Args:
        called: What the callback calls.
        notice: Takes the exception, in the thread in which it was raised; it may not raise.
    """
    global _before  # the interpreter has one hook for all
    entry = called, notice
    with _lock:
        if not _noticing:
            _before, sys.unraisablehook = sys.unraisablehook, _hook
        _noticing.append(entry)
    try:
        yield
    finally:
        with _lock:
            _noticing.remove(entry)
            if not _noticing:
                sys.unraisablehook = _before


def _hook(unraisable: "sys.UnraisableHookArgs") -> None:
    notices = [notice for called, notice in tuple(_noticing) if _is_of(unraisable, called)]
    for notice in notices:
        notice(unraisable.exc_value or RuntimeError("something was raised that cannot be told"))
    if not notices:
        _before(unraisable)


def _is_of(unraisable: "sys.UnraisableHookArgs", called: object) -> bool:
    if unraisable.object is not None:
        return bool(unraisable.object == called)
    message = unraisable.err_msg or ""
    return OF_CTYPES in message and repr(called) in message
