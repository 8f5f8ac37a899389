"""What is raised as one of ctypes' callbacks is entered, before anything in it can catch it.

Python handles signals as a function is entered, so Ctrl-C in the main thread may be raised there. ctypes then
tells `sys.unraisablehook` and nobody else, and llama.cpp gets a false answer, which ends a pass half way.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
