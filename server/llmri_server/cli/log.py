"""The server's log: lines on standard error."""

import logging
import sys

from llmri_protocol.printable import for_terminal

NAME = "llmri_server"


class StandardError(logging.Handler):
    """Writes each record as a line to whatever standard error is at the moment; never fails."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            sys.stderr.write(for_terminal(self.format(record)) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):  # broken, closed, not there: then nobody reads it
            return


def to_standard_error(level: int = logging.WARNING) -> None:
    """Show the server's log on standard error, once, from this level on."""
    logger = logging.getLogger(NAME)
    logger.setLevel(level)
    if any(isinstance(handler, StandardError) for handler in logger.handlers):
        return
    handler = StandardError()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    logger.addHandler(handler)
    logger.propagate = False
