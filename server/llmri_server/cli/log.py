"""The server's log: lines on standard error, and in a file where one is named."""

import logging
import sys
from pathlib import Path
from typing import Literal

from llmri_protocol.printable import for_terminal
from llmri_protocol.user_files import target
from llmri_server.network.access import ServeError

NAME = "llmri_server"
Level = Literal["debug", "info", "warning", "error"]
FORM = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S")


class StandardError(logging.Handler):
    """Writes each record as a line to whatever standard error is at the moment; never fails."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            sys.stderr.write(for_terminal(self.format(record)) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):  # broken, closed, not there: then nobody reads it
            return


def to_standard_error(level: Level = "warning") -> None:
    """Show the server's log on standard error, once, from this level on."""
    logger = logging.getLogger(NAME)
    logger.setLevel(level.upper())
    if any(isinstance(handler, StandardError) for handler in logger.handlers):
        return
    handler = StandardError()
    handler.setFormatter(FORM)
    logger.addHandler(handler)
    logger.propagate = False


def to_file(path: Path) -> None:
    """Append the server's log to a file too.

    Raises:
        ServeError: It can't be written.
    """
    try:
        handler = logging.FileHandler(target(path), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise ServeError(f"cannot write the log to {path}: {error.strerror}") from None
    handler.setFormatter(FORM)
    logging.getLogger(NAME).addHandler(handler)
