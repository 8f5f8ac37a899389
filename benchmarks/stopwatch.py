"""Time spent inside functions, added up."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar
from unittest.mock import patch

from torch import nn
from torch.utils.hooks import RemovableHandle

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Register = Callable[..., RemovableHandle]

REGISTRATIONS = ("register_forward_pre_hook", "register_forward_hook")
TRIALS = 20_000


class Stopwatch:
    """Adds up the nanoseconds inside the functions it times; a function inside another counts once."""

    def __init__(self) -> None:
        self.nanoseconds = 0
        self.calls = 0
        self._running = False

    def timed(self, function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        """Return the same function, timed."""

        def timed(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            if self._running:
                return function(*args, **kwargs)
            self._running = True
            start = time.perf_counter_ns()
            try:
                return function(*args, **kwargs)
            finally:
                self.nanoseconds += time.perf_counter_ns() - start
                self.calls += 1
                self._running = False

        return timed

    @contextmanager
    def on_hooks_of(self, package: str) -> Iterator[None]:
        """Time every forward hook that code of `package` puts on a module meanwhile."""

        def watching(register: Register) -> Register:
            def watched(module: nn.Module, hook: Callable[..., object], **options: bool) -> RemovableHandle:
                wanted = hook.__module__.partition(".")[0] == package
                return register(module, self.timed(hook) if wanted else hook, **options)

            return watched

        before, after = (
            patch.object(nn.Module, name, watching(getattr(nn.Module, name))) for name in REGISTRATIONS
        )
        with before, after:
            yield


def own_cost() -> float:
    """Return the seconds that a stopwatch adds to what it measures, for each call that it times."""
    stopwatch = Stopwatch()
    timed = stopwatch.timed(lambda *_: None)
    for _ in range(TRIALS):
        timed(None, None, None)
    return stopwatch.nanoseconds / TRIALS / 1e9
