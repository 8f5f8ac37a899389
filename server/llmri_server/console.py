"""Standard input as a place to chat from: a terminal, a pipe, or nothing."""

import contextlib
import os
import sys
import threading

from llmri_server.access import shown
from llmri_server.interrupts import Ended, ignore_more, interruptible, noted, wait_for
from llmri_server.pipe import answer_lines
from llmri_server.server import Server
from llmri_server.terminal import chat


def converse(server: Server, exit_at_eof: bool) -> None:
    """Announce the started server and take turns from standard input, until somebody ends it.

    That is a signal, or in the terminal the person, or the end of input where it was asked for. From
    then on signals are ignored.
    """
    try:
        if on_terminal():
            with contextlib.suppress(KeyboardInterrupt, Ended), interruptible():
                announce(server)
                chat(server)
        else:
            ended = threading.Event()
            with noted(ended):
                announce(server)
                _read_beside(server, exit_at_eof, ended)
                wait_for(ended)
    finally:
        ignore_more()


def announce(server: Server) -> None:
    """Print the one line that says the server is ready."""
    print(f"LLMRI listening on {shown(server.address)}", flush=True)  # noqa: T201


def say_aside(text: str) -> None:
    """Write a line to standard error, from any thread, whether anybody reads it or not."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)  # noqa: T201


def on_terminal() -> bool:
    """Whether a person sits in front of both standard input and output."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty() and readable()


def readable() -> bool:
    """Whether standard input may be read: it is there, and not a terminal that another job is in front of."""
    if sys.stdin is None:
        return False
    try:
        return not sys.stdin.isatty() or os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        return False


def _read_beside(server: Server, exit_at_eof: bool, ended: threading.Event) -> None:
    """Read in a thread of its own, because nothing can wake a thread from a pipe's silence."""

    def read() -> None:
        if sys.stdin is not None and readable():
            answer_lines(server, sys.stdin)
        if exit_at_eof:
            server.session.drain()
            ended.set()

    threading.Thread(target=read, name="llmri-input", daemon=True).start()
