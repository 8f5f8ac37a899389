"""Turns from a pipe: each line is a prompt, each reply goes to standard output."""

import logging
import os
import sys
from io import TextIOWrapper
from typing import TextIO

from llmri_protocol.printable import for_terminal
from llmri_server.server import Server
from llmri_server.service.model_worker import ClosedError

log = logging.getLogger(__name__)


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
