"""The history of the edits: one for all clients, with undo and redo."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from llmri_protocol.messages import Change, Edit
from llmri_server.edits.resolution import Resolved, latest, resolve
from llmri_server.edits.wording import counted, in_words

CHANGES_KEPT = 1000
NUMBERS_KEPT = 1 << 22  # units, heads and direction numbers of all sets that can be undone: about 150 MB

Check = Callable[[Sequence[Edit]], None]


@dataclass(frozen=True)
class JournalState:
    """The edits that stand, and what can be done about it.

    `edits` name each unit once, and the set is called `name`. `revision` grows with every change, undo and
    redo. `by` made the latest of these.
    """

    edits: tuple[Edit, ...] = ()
    name: str = ""
    revision: int = 0
    undoable: int = 0
    redoable: int = 0
    by: str = ""


@dataclass(frozen=True)
class _Entry:
    edit: Edit
    by: str


_Standing = tuple[_Entry, ...]


@dataclass(frozen=True)
class _Set:
    """What undo brings back: the edits, and what they were called."""

    standing: _Standing = ()
    name: str = ""


@dataclass(frozen=True)
class _History:
    """The set that stands, those before it, latest last, and those that were taken back, latest last."""

    now: _Set = _Set()
    done: tuple[_Set, ...] = ()
    undone: tuple[_Set, ...] = ()


class Journal:
    """Ordered changes to the edits; thread-safe.

    `on_change` is called with every new state while the journal is locked, so states arrive in the
    order of their revisions; it must not call the journal, and where it raises, nothing has changed.
    Each method gives whether anything changed. At most `limit` changes can be undone, and of large sets
    fewer: as many as have `numbers` units in all. Of a method's `name`, None leaves the set's name as it is.
    """

    def __init__(
        self,
        on_change: Callable[[JournalState], None] | None = None,
        limit: int = CHANGES_KEPT,
        numbers: int = NUMBERS_KEPT,
    ) -> None:
        self._on_change = on_change
        self._limit = limit
        self._numbers = numbers
        self._lock = threading.Lock()
        self._history = _History()
        self._changes: deque[Change] = deque(maxlen=limit)
        self._state = JournalState()

    @property
    def state(self) -> JournalState:
        """The present state, one immutable value."""
        return self._state

    @property
    def name(self) -> str:
        """What the set of edits is called; empty where it has no name."""
        return self._state.name

    @property
    def changes(self) -> tuple[Change, ...]:
        """Who changed what and when, oldest first: undone and redone ones too."""
        with self._lock:
            return tuple(self._changes)

    def add(self, edits: Sequence[Edit], by: str, name: str | None = None) -> bool:
        """Add edits; a unit's later edit wins over its earlier one."""
        what = in_words(edits) + (f", called `{name}`" if name else "")
        with self._lock:
            return self._change(_with_added(self._history.now.standing, edits, by), name, by, what)

    def replace_all(self, edits: Sequence[Edit], by: str, name: str | None = None) -> bool:
        """Let these be all the edits that stand, whoever set those before: one change."""
        what = (f"loaded `{name}`, " if name else "replaced all by ") + counted(len(edits), "edit")
        with self._lock:
            return self._change(_with_added((), edits, by), name, by, what)

    def replace_of(self, client: str, edits: Sequence[Edit]) -> bool:
        """Let these edits be all that `client` wants, instead of what it set before: one change."""
        what = in_words(edits) if edits else "took its own edits back"
        with self._lock:
            others = tuple(entry for entry in self._history.now.standing if entry.by != client)
            return self._change(_with_added(others, edits, client), None, client, what)

    def clear(self, by: str) -> bool:
        """Remove every edit and the set's name; it can be undone."""
        with self._lock:
            return self._change((), "", by, "clear")

    def undo(self, by: str, check: Check = lambda _: None) -> bool:
        """Take back the latest change, whoever made it; `check` may refuse the edits that then stand."""
        with self._lock:
            history = self._history
            if not history.done:
                return False
            *done, before = history.done
            check(_edits(before))
            self._commit(_History(before, tuple(done), (*history.undone, history.now)), by, "undo")
            return True

    def redo(self, by: str, check: Check = lambda _: None) -> bool:
        """Make the change again that was taken back last; `check` may refuse the edits that then stand."""
        with self._lock:
            history = self._history
            if not history.undone:
                return False
            *undone, after = history.undone
            check(_edits(after))
            self._commit(_History(after, (*history.done, history.now), tuple(undone)), by, "redo")
            return True

    def _change(self, standing: _Standing, name: str | None, by: str, what: str) -> bool:
        before = self._history.now
        after = _Set(standing, before.name if name is None else name)
        if after == before:
            return False
        done = _bounded((*self._history.done, before)[-self._limit :], self._numbers)
        self._commit(_History(after, done), by, what)
        return True

    def _commit(self, history: _History, by: str, what: str) -> None:
        """Let the listener put the new state in force, then keep it."""
        state = JournalState(
            edits=_edits(history.now),
            name=history.now.name,
            revision=self._state.revision + 1,
            undoable=len(history.done),
            redoable=len(history.undone),
            by=by,
        )
        if self._on_change is not None:
            self._on_change(state)
        self._history, self._state = history, state
        self._changes.append(Change(revision=state.revision, time=time.time(), by=by, what=what))


def _bounded(done: Sequence[_Set], numbers: int) -> tuple[_Set, ...]:
    """Keep the latest sets that have so many numbers in all; an edit that several share counts once."""
    seen: set[int] = set()
    kept: list[_Set] = []
    for each in reversed(done):
        new = {id(entry.edit): entry.edit for entry in each.standing if id(entry.edit) not in seen}
        numbers -= sum(len(edit.units) + len(edit.heads) + len(edit.direction) for edit in new.values())
        if numbers < 0:
            break
        seen.update(new)
        kept.append(each)
    return tuple(reversed(kept))


def _edits(of: _Set) -> tuple[Edit, ...]:
    """Return the edits of a set, each unit once."""
    return latest(entry.edit for entry in of.standing)


def _with_added(standing: _Standing, edits: Sequence[Edit], by: str) -> _Standing:
    """Append edits, and drop what they override of the same client.

    What they override of another client stays beneath: it shows again once this client takes its own back.
    """
    overridden = resolve(edits)
    kept = (_without(entry, overridden) if entry.by == by else entry for entry in standing)
    added = (_Entry(edit, by) for edit in latest(edits))
    return (*(entry for entry in kept if entry is not None), *added)


def _without(entry: _Entry, overridden: Resolved) -> _Entry | None:
    """Return the entry without what `overridden` takes over, or None where nothing is left."""
    gone = overridden.get((entry.edit.site, entry.edit.layer))
    if gone is None:
        return entry
    if entry.edit.op == "steer":
        replaced = any(steer.direction == entry.edit.direction for steer in gone.steers)
        return None if replaced else entry
    units = tuple(unit for unit in entry.edit.units if unit not in gone.units)
    return _Entry(msgspec.structs.replace(entry.edit, units=units), entry.by) if units else None
