"""The history of the edits: one for all clients, with undo and redo."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from llmri_protocol.messages import Edit
from llmri_server.edits.resolution import Resolved, latest, resolve

CHANGES_KEPT = 1000


@dataclass(frozen=True)
class JournalState:
    """The edits that stand, and what can be done about it.

    `edits` name each unit once. `revision` grows with every change, undo and redo. `by` made the
    latest of these.
    """

    edits: tuple[Edit, ...] = ()
    revision: int = 0
    undoable: int = 0
    redoable: int = 0
    by: str = ""


@dataclass(frozen=True)
class _Entry:
    edit: Edit
    by: str


_Standing = tuple[_Entry, ...]


class Journal:
    """Ordered changes to the edits; thread-safe.

    `on_change` is called with every new state while the journal is locked, so states arrive in the
    order of their revisions; it must not call the journal. Each method gives whether anything changed.
    """

    def __init__(
        self, on_change: Callable[[JournalState], None] | None = None, limit: int = CHANGES_KEPT
    ) -> None:
        self._on_change = on_change
        self._lock = threading.Lock()
        self._standing: _Standing = ()
        self._undone: list[_Standing] = []
        self._done: deque[_Standing] = deque(maxlen=limit)
        self._state = JournalState()

    @property
    def state(self) -> JournalState:
        """The present state, one immutable value."""
        return self._state

    def add(self, edits: Sequence[Edit], by: str) -> bool:
        """Add edits; a unit's later edit wins over its earlier one."""
        with self._lock:
            return self._change(_with_added(self._standing, edits, by), by)

    def replace_of(self, client: str, edits: Sequence[Edit]) -> bool:
        """Let these edits be all that `client` wants, instead of what it set before: one change."""
        with self._lock:
            others = tuple(entry for entry in self._standing if entry.by != client)
            return self._change(_with_added(others, edits, client), client)

    def clear(self, by: str) -> bool:
        """Remove every edit; it can be undone."""
        with self._lock:
            return self._change((), by)

    def undo(self, by: str) -> bool:
        """Take back the latest change, whoever made it."""
        with self._lock:
            if not self._done:
                return False
            self._undone.append(self._standing)
            self._stand(self._done.pop(), by)
            return True

    def redo(self, by: str) -> bool:
        """Make the change again that was taken back last."""
        with self._lock:
            if not self._undone:
                return False
            self._done.append(self._standing)
            self._stand(self._undone.pop(), by)
            return True

    def _change(self, standing: _Standing, by: str) -> bool:
        if standing == self._standing:
            return False
        self._done.append(self._standing)
        self._undone.clear()
        self._stand(standing, by)
        return True

    def _stand(self, standing: _Standing, by: str) -> None:
        self._standing = standing
        self._state = JournalState(
            edits=latest(entry.edit for entry in standing),
            revision=self._state.revision + 1,
            undoable=len(self._done),
            redoable=len(self._undone),
            by=by,
        )
        if self._on_change is not None:
            self._on_change(self._state)


def _with_added(standing: _Standing, edits: Sequence[Edit], by: str) -> _Standing:
    """Append edits, and drop what they override of the same client.

    What they override of another client stays beneath: it shows again once this client takes its own back.
    """
    overridden = resolve(edits)
    kept = (_without(entry, overridden) if entry.by == by else entry for entry in standing)
    added = (_Entry(edit, by) for edit in latest(edits))
    return (*(entry for entry in kept if entry is not None), *added)


def _without(entry: _Entry, overridden: Resolved) -> _Entry | None:
    """Give the entry without the units named in `overridden`, or None where nothing is left."""
    gone = overridden.get((entry.edit.site, entry.edit.layer), {})
    units = tuple(unit for unit in entry.edit.units if unit not in gone)
    return _Entry(msgspec.structs.replace(entry.edit, units=units), entry.by) if units else None
