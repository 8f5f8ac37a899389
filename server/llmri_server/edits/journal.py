"""The history of the edits: one for all clients, with undo and redo.

A journal proposes what a change would come to, and keeps what is committed. It calls nobody: who asks puts a
proposal in force in between, and tells who must know.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from llmri_protocol.messages import Change, Edit
from llmri_server.edits.resolution import Resolved, latest, resolve
from llmri_server.edits.wording import counted, in_words

CHANGES_KEPT = 1000
NUMBERS_KEPT = 1 << 22  # units, heads and direction numbers of all sets that can be undone: about 150 MB


class OvertakenError(RuntimeError):
    """A proposal is committed after another change; the message gives both revisions."""


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

    revision: int = 0
    now: _Set = _Set()
    done: tuple[_Set, ...] = ()
    undone: tuple[_Set, ...] = ()

    def after(self, now: _Set, done: tuple[_Set, ...], undone: tuple[_Set, ...] = ()) -> "_History":
        """Return what follows on this."""
        return _History(self.revision + 1, now, done, undone)


@dataclass(frozen=True)
class Proposal:
    """A change that is not made yet: `state` is what then stands, `what` says what changed."""

    state: JournalState
    what: str
    _history: _History


class Journal:
    """Ordered changes to the edits; any thread may read it.

    Each method that names a change returns it as a proposal, None where it would change nothing; `commit`
    makes it. At most `limit` changes can be undone, and of large sets fewer: as many as have `numbers` units
    in all. Of a method's `name`, None leaves the set's name as it is.
    """

    def __init__(self, limit: int = CHANGES_KEPT, numbers: int = NUMBERS_KEPT) -> None:
        self._limit = limit
        self._numbers = numbers
        self._lock = threading.Lock()  # what was committed is read whole
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

    def add(self, edits: Sequence[Edit], by: str, name: str | None = None) -> Proposal | None:
        """Propose to add edits; a unit's later edit wins over its earlier one."""
        what = in_words(edits) + (f", called `{name}`" if name else "")
        history = self._history
        return self._change(history, _with_added(history.now.standing, edits, by), name, by, what)

    def replace_all(self, edits: Sequence[Edit], by: str, name: str | None = None) -> Proposal | None:
        """Propose that these be all the edits that stand, whoever set those before: one change."""
        what = (f"loaded `{name}`, " if name else "replaced all by ") + counted(len(edits), "edit")
        return self._change(self._history, _with_added((), edits, by), name, by, what)

    def replace_of(self, client: str, edits: Sequence[Edit]) -> Proposal | None:
        """Propose that these be all that `client` wants, instead of what it set before: one change."""
        what = in_words(edits) if edits else "took its own edits back"
        history = self._history
        others = tuple(entry for entry in history.now.standing if entry.by != client)
        return self._change(history, _with_added(others, edits, client), None, client, what)

    def clear(self, by: str) -> Proposal | None:
        """Propose to remove every edit and the set's name; it can be undone."""
        return self._change(self._history, (), "", by, "clear")

    def undo(self, by: str) -> Proposal | None:
        """Propose to take back the latest change, whoever made it."""
        history = self._history
        if not history.done:
            return None
        *done, before = history.done
        return _proposed(history.after(before, tuple(done), (*history.undone, history.now)), by, "undo")

    def redo(self, by: str) -> Proposal | None:
        """Propose to make the change again that was taken back last."""
        history = self._history
        if not history.undone:
            return None
        *undone, after = history.undone
        return _proposed(history.after(after, (*history.done, history.now), tuple(undone)), by, "redo")

    def commit(self, proposal: Proposal) -> None:
        """Keep a change that was put in force.

        Raises:
            OvertakenError: Another was committed since it was proposed.
        """
        state = proposal.state
        with self._lock:
            if state.revision != self._state.revision + 1:
                raise OvertakenError(
                    f"a change to revision {state.revision} comes after revision {self._state.revision}"
                )
            self._history, self._state = proposal._history, state
            self._changes.append(
                Change(revision=state.revision, time=time.time(), by=state.by, what=proposal.what)
            )

    def _change(
        self, history: _History, standing: _Standing, name: str | None, by: str, what: str
    ) -> Proposal | None:
        before = history.now
        after = _Set(standing, before.name if name is None else name)
        if after == before:
            return None
        done = _bounded((*history.done, before)[-self._limit :], self._numbers)
        return _proposed(history.after(after, done), by, what)


def _proposed(history: _History, by: str, what: str) -> Proposal:
    state = JournalState(
        edits=_edits(history.now),
        name=history.now.name,
        revision=history.revision,
        undoable=len(history.done),
        redoable=len(history.undone),
        by=by,
    )
    return Proposal(state, what, history)


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
    if entry.edit.operation.aimed:
        replaced = any(steer.direction == entry.edit.direction for steer in gone.steers)
        return None if replaced else entry
    units = tuple(unit for unit in entry.edit.units if unit not in gone.units)
    return _Entry(msgspec.structs.replace(entry.edit, units=units), entry.by) if units else None
