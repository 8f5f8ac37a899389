"""Writes what a damaged file still holds into a whole one."""

from pathlib import Path

from llmri_client.sessions.reader import Session
from llmri_client.sessions.writer import SessionWriter


def repair(session: Session, path: Path, *, force: bool = False) -> int:
    """Write all bodies of a session that can be believed to a new file, with their times; give how many.

    Args:
        session: The damaged one; its `faults` are complete afterwards.
        path: The new file.
        force: Replace a file that is there.

    Raises:
        OSError: It can't be written, or is there (FileExistsError).
    """
    program, protocol = session.about.llmri, session.about.protocol
    count = 0
    with SessionWriter(path, protocol, program, force=force) as writer:
        for recorded in session.bodies():
            writer.append([recorded.body], recorded.time)
            count += 1
    return count
