"""The messages that change the edits, and what is told of them."""

from typing import Annotated

from msgspec import Meta

from llmri_protocol.catalogue import OVERHEAD, Answer, ClientEntry, Command, ServerEntry, ServerMessage
from llmri_protocol.edits import Change, Edit, Unread, weight_of
from llmri_protocol.fields import MOST_CHANGES, MOST_ROWS, MOST_STANDING, Count, Name


class Intervene(Command, frozen=True, kw_only=True, tag="intervene"):
    """Add edits, all of them or none; a unit's later edit replaces its earlier one."""

    entry = ClientEntry(role="controller", answer="reply", check=None)

    edits: Annotated[tuple[Edit, ...], Meta(max_length=MOST_ROWS, description="in order")]
    force: Annotated[bool, Meta(description="edit protected units too, where the server allows it")] = False
    replace: Annotated[bool, Meta(description="let these be all the edits that stand, in one change")] = False
    name: Annotated[Name | None, Meta(description="what the set is called from now on; null keeps it")] = None
    since_now: Annotated[
        bool, Meta(description="edit only positions that the model has not computed yet")
    ] = False


class Undo(Command, frozen=True, kw_only=True, tag="undo"):
    """Take back the last change of the edits."""

    entry = ClientEntry(role="controller", answer="reply", check=None)


class Redo(Command, frozen=True, kw_only=True, tag="redo"):
    """Make the change again that was taken back last."""

    entry = ClientEntry(role="controller", answer="reply", check=None)


class ClearInterventions(Command, frozen=True, kw_only=True, tag="clear_interventions"):
    """Remove every edit."""

    entry = ClientEntry(role="controller", answer="reply", check=None)


class ShowJournal(Command, frozen=True, kw_only=True, tag="show_journal"):
    """Ask who changed the edits, how and when."""

    entry = ClientEntry(role="viewer", answer="journal", check=None)


class RePrefill(Command, frozen=True, kw_only=True, tag="re_prefill"):
    """Compute the conversation's keys and values anew, under the edits that stand."""

    entry = ClientEntry(role="controller", answer="reply", check=None)


class Edits(ServerMessage, frozen=True, kw_only=True, tag="edits"):
    """The edits that now stand, sent to everybody after every change."""

    entry = ServerEntry(plain=None, weight=lambda edits: weight_of(edits.edits), check=None)

    edits: Annotated[tuple[Edit, ...], Meta(max_length=MOST_STANDING, description="all that stand, in order")]
    revision: Annotated[Count, Meta(description="grows with every change")]
    undoable: Annotated[Count, Meta(description="changes that can be undone")]
    redoable: Annotated[Count, Meta(description="changes that can be made again")]
    by: Annotated[Name, Meta(description="the client that changed them")]
    name: Annotated[Name, Meta(description="what the set is called")] = ""
    unread: Unread = ()
    stale_cache: Annotated[
        bool,
        Meta(description="whether kept keys and values come from other edits; `re_prefill` cures it"),
    ] = False


class EditHistory(Answer, frozen=True, kw_only=True, tag="journal"):
    """The answer to `show_journal`, before its `reply`."""

    entry = ServerEntry(plain=None, weight=lambda history: OVERHEAD * len(history.changes), check=None)

    changes: Annotated[
        tuple[Change, ...],
        Meta(max_length=MOST_CHANGES, description="oldest first, at most the last thousand"),
    ]
