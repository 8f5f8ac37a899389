"""What it costs llama.cpp to ask of every node whether it is wanted, and how the answer is found.

An ask takes a fraction of a microsecond, so it is timed by itself: the callback is called about the nodes of
a real pass through its address in C, as llama.cpp does, and what such a call costs without it is taken away.
What asks add to whole passes is told beside it: passes of one token at one place, so that llama.cpp reuses
its graph, by one processor thread, since two that wait for each other are noise beside the asks.
"""

import ctypes
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from benchmarks.pairs import Runs, interleave, per_round, ratio, spread
from benchmarks.report import Gate, Row, Section, microseconds, nanoseconds
from benchmarks.runs import Advance, Findings, Track, run
from llmri_server.llama_runtime import LlamaRuntime
from llmri_server.llama_runtime.context import Context, Pass
from llmri_server.llama_runtime.ggml import Tensor
from llmri_server.llama_runtime.observer import Callback

PROMPT = tuple(range(8, 16))  # any tokens
PASSES = 20  # a run
TIMES = 20  # that each node is asked about in a run
OVER_LOOKING_UP = Gate(0.5)
NONE, BY_HEART, LOOKED_UP = ("no callback", "answered by heart", "each name looked up")
CALL = "a call that asks nobody"
Ask = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p)


class Unseen:
    """A context's watcher that llama.cpp does not know of."""

    callback: Any = None

    def begin(self, count_reused: Callable[[], int]) -> None:
        """Nothing is expected."""

    def attentive(self) -> AbstractContextManager[None]:
        """Nothing is raised."""
        return nullcontext()

    def end(self, *, complete: bool) -> None:
        """Nothing was seen."""


class Looking(Unseen):
    """Looks each node's name and operation up, as one does who does not know addresses."""

    def __init__(self) -> None:
        wanted = frozenset((f"no_such_node-{layer}".encode(), 0) for layer in range(64))

        def answer(address: int) -> bool:
            tensor = Tensor.from_address(address)
            return (tensor.name, tensor.op) in wanted

        self.callback = Callback(answer)


def asks(runtime: LlamaRuntime, track: Track, rounds: int) -> Section:
    """Measure the asks of one runtime's model when nothing is wanted."""
    model, flash_attention = runtime._model, runtime._discovery.flash_attention
    looking, watch = Looking(), runtime._memory.watch
    contexts = {
        NONE: Context(model, Unseen(), flash_attention),
        BY_HEART: watch.context,
        LOOKED_UP: Context(model, looking, flash_attention),
    }
    contestants: dict[str, Callable[[], float]] = {
        f"passes, {name}": passes(context) for name, context in contexts.items()
    }
    nodes = list(watch.observer._unwanted)
    contestants |= {
        CALL: calls(ctypes.cast(model.engine.lib.llama_supports_mmap, ctypes.c_void_p).value, nodes),
        BY_HEART: calls(ctypes.cast(watch.observer.callback, ctypes.c_void_p).value, nodes),
        LOOKED_UP: calls(ctypes.cast(looking.callback, ctypes.c_void_p).value, nodes),
    }

    def take_turns(advance: Advance) -> Runs[float]:
        return interleave(contestants, rounds, advance)

    def judge(runs: Runs[float]) -> Findings:
        return findings(runs, len(nodes))

    title = f"GGUF: asks of {runtime.card.name}"
    return run(title, 2 * rounds * len(contestants), take_turns, judge, track)


def passes(context: Context, count: int = PASSES) -> Callable[[], float]:
    """Return a run: the median seconds of so many passes of one token behind a prompt."""
    context.decode(Pass(PROMPT, 0, len(PROMPT), (len(PROMPT) - 1,)))
    now = Pass(PROMPT[:1], len(PROMPT), len(PROMPT), (0,))

    def seconds() -> float:
        times = []
        for _ in range(count):
            context.keep(len(PROMPT))
            begin = time.perf_counter()
            context.decode(now)
            times.append(time.perf_counter() - begin)
        return statistics.median(times)

    seconds()
    return seconds


def calls(address: int | None, nodes: Sequence[int]) -> Callable[[], float]:
    """Return a run: the median seconds of calls to a C function about some nodes, a node."""
    if address is None:
        raise RuntimeError("the function has no address")
    ask = Ask(address)

    def seconds() -> float:
        times = []
        for _ in range(TIMES):
            begin = time.perf_counter()
            for node in nodes:
                ask(node)
            times.append(time.perf_counter() - begin)
        return statistics.median(times) / len(nodes)

    return seconds


def findings(runs: Runs[float], nodes: int) -> Findings:
    """Work out the table."""
    took = per_round(runs, lambda seconds: seconds)

    def more(name: str, than: str) -> list[float]:
        return [after - before for after, before in zip(took[name], took[than], strict=True)]

    by_heart, looked_up = more(BY_HEART, CALL), more(LOOKED_UP, CALL)
    bare = f"passes, {NONE}"
    return Findings(
        rows=(
            Row("an ask answered by heart / its name looked up", ratio(by_heart, looked_up), OVER_LOOKING_UP),
            Row("an ask answered by heart", spread(by_heart), write=nanoseconds),
            Row("an ask, its name looked up", spread(looked_up), write=nanoseconds),
            Row(
                "what asks add to a pass, answered by heart / each name looked up",
                ratio(more(f"passes, {BY_HEART}", bare), more(f"passes, {LOOKED_UP}", bare)),
            ),
            Row("a pass without a callback", spread(took[bare]), write=microseconds),
            *(
                Row(
                    f"what asks add to a pass, {name}",
                    spread(more(f"passes, {name}", bare)),
                    write=microseconds,
                )
                for name in (BY_HEART, LOOKED_UP)
            ),
        ),
        notes=(
            f"An ask is called through its address in C, about {nodes} nodes of a pass; the price of such a "
            f"call of a function that does nothing is taken away. A run of passes are {PASSES} of one token "
            f"behind a prompt of {len(PROMPT)}, by one processor thread; nothing is wanted.",
        ),
    )
