"""Standard input as a place to chat from: a terminal, a pipe, or nothing."""

import contextlib
import logging
import os
import sys
from io import TextIOWrapper
from typing import TextIO

from llmri_protocol.printable import for_terminal
from llmri_server.cli.interrupts import Ended, Interrupts
from llmri_server.cli.terminal import chat
from llmri_server.network.threads import GuardedThread
from llmri_server.server import Server
from llmri_server.service.model_worker import ClosedError

log = logging.getLogger(__name__)


def converse(server: Server, exit_at_eof: bool, interrupts: Interrupts) -> None:
    """Announce the started server and take turns from standard input, until something ends it.

    That is a signal, or in the terminal the person, or the end of input where it was asked for, or that the
    server itself cannot go on.
    """
    server.on_failure = interrupts.end
    announce(server)
    if on_terminal():
        with contextlib.suppress(KeyboardInterrupt, Ended):
            chat(server, interrupts)
    else:
        _read_beside(server, exit_at_eof, interrupts)
        interrupts.wait(lambda: server.failure is not None)


def announce(server: Server) -> None:
    """Print the line that says the server is ready; one for each place where clients come in."""
    for address in server.addresses:
        print(f"LLMRI listening on {for_terminal(address)}", flush=True)  # noqa: T201


def say_aside(text: str) -> None:
    """Write a line to standard error, from any thread, whether anybody reads it or not."""
    with contextlib.suppress(OSError, ValueError):
        print(for_terminal(text), file=sys.stderr, flush=True)  # noqa: T201


def on_terminal() -> bool:
    """Whether a person sits in front of both standard input and output."""
    both = sys.stdin is not None and sys.stdout is not None
    return both and sys.stdin.isatty() and sys.stdout.isatty() and readable()


def readable() -> bool:
    """Whether standard input may be read: it is there, and not a terminal that another job is in front of."""
    if sys.stdin is None:
        return False
    try:
        return not sys.stdin.isatty() or os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        return False


def _read_beside(server: Server, exit_at_eof: bool, interrupts: Interrupts) -> None:
    """Read in a thread of its own, because nothing can wake a thread from a pipe's silence."""

    def read() -> None:
        if sys.stdin is not None and readable():
            answer_lines(server, sys.stdin)
        if exit_at_eof:
            server.worker.drain()
            interrupts.end()

    def broken(why: str) -> None:
        if exit_at_eof:  # nobody is left to give a turn
            server.fail(f"standard input could not be read on: {why}")

    GuardedThread("llmri-input", read, broken).start()


def answer_lines(server: Server, lines: TextIO) -> None:
    """Answer every line that isn't blank, one after another, until they end.

    A turn that fails leaves an empty line, so that replies can be counted; why is on standard error.
    """
    if isinstance(lines, TextIOWrapper):
        lines.reconfigure(errors="replace")
    try:
        for line in lines:
            if line.strip():
                print(_reply(server, line.rstrip("\r\n")), flush=True)  # noqa: T201
    except ClosedError:  # the server ends, and answers no more
        return
    except BrokenPipeError:
        log.warning("standard output was closed; replies go to viewers only")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reply(server: Server, prompt: str) -> str:
    try:
        turn = server.chat(prompt)
        reply = turn.reply()
    except ClosedError:
        raise
    except RuntimeError as error:  # it failed, or too many turns wait
        print(for_terminal(str(error)), file=sys.stderr)  # noqa: T201
        return ""
    if turn.outcome is not None and turn.outcome.reason == "context":
        print(f"turn {turn.number} ended because the context is full", file=sys.stderr)  # noqa: T201
    return reply
