"""The log in a file: appended, from the level that was asked for, and refused in a sentence."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmri_server.cli.log import NAME, to_file, to_standard_error
from llmri_server.network.access import ServeError


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The server's logger, as it was before once the test is over."""
    logger = logging.getLogger(NAME)
    handlers, level, propagate = list(logger.handlers), logger.level, logger.propagate
    yield logger
    for handler in set(logger.handlers) - set(handlers):
        handler.close()
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)


def test_lines_are_appended_from_the_level_asked_for(tmp_path: Path, logger: logging.Logger) -> None:
    file = tmp_path / "llmri.log"
    file.write_text("before\n")
    to_standard_error("info")
    to_file(file)
    logging.getLogger(f"{NAME}.network").info("somebody came")
    logging.getLogger(NAME).debug("nothing to see")
    before, line = file.read_text().splitlines()
    assert before == "before"
    assert line.endswith(" INFO somebody came")


def test_what_cannot_be_written_is_told(tmp_path: Path, logger: logging.Logger) -> None:
    with pytest.raises(ServeError, match=r"cannot write the log to .*: it is a folder, no file"):
        to_file(tmp_path)
    with pytest.raises(ServeError, match="No such file or directory"):
        to_file(tmp_path / "nowhere" / "llmri.log")
