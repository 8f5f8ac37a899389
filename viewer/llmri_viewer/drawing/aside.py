"""Pictures that take longer than a frame lasts: made aside, while the window's loop goes on."""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar, cast

Key = TypeVar("Key")
Made = TypeVar("Made")

KEPT = 4


class Aside:
    """Makes what is asked for, one thing after another.

    Args:
        wake: Is called in another thread whenever something was made there. Without it things are made while
            one waits: a script, a test or a picture for the docs wants each frame whole.

    Attributes:
        done: How many were made in the other thread, so that a window knows when to draw again.
    """

    def __init__(self, wake: Callable[[], object] | None = None) -> None:
        self.done = 0
        self._wake = wake
        self._worker = ThreadPoolExecutor(1, "llmri aside") if wake else None
        self._asked: OrderedDict[tuple[object, object], Future[Any]] = OrderedDict()
        self._latest: dict[object, tuple[object, Any]] = {}

    def get(self, make: Callable[[Key], Made], key: Key) -> Made | None:
        """Return what `make` makes of a key (which must be hashable) alone, None while it is not there.

        Raises:
            Exception: What `make` raised.
        """
        if self._worker is None:
            return make(key)
        future = self._asked.get((make, key))
        if future is None or future.cancelled():
            future = self._ask(self._worker, make, key)
        if not future.done():
            return None
        self._latest[make] = key, future.result()
        return cast("Made", future.result())

    def latest(self, make: Callable[[Key], Made]) -> tuple[Key, Made] | None:
        """Return what was got last, and its key: it may do until what is asked for is there."""
        return cast("tuple[Key, Made] | None", self._latest.get(make))

    def _ask(self, worker: ThreadPoolExecutor, make: Callable[[Key], Made], key: Key) -> Future[Made]:
        """Let something be made; what waits to be made is wanted no more."""
        for waiting in self._asked.values():
            waiting.cancel()
        future = self._asked[make, key] = worker.submit(make, key)
        future.add_done_callback(self._finished)
        while len(self._asked) > KEPT:
            self._asked.popitem(last=False)
        return future

    def _finished(self, future: "Future[Any]") -> None:
        if self._wake is not None and not future.cancelled():
            self.done += 1
            self._wake()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        """Make no more."""
        if self._worker is not None:
            self._worker.shutdown(cancel_futures=True)
