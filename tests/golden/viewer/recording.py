"""A conversation with the bundled model as a server sent it, kept in a file, and a link that plays it back.

No socket and no clock is in the way, so that a window shows the same picture every time.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from llmri_client.inbox import Inbox
from llmri_client.link import Event
from llmri_client.recording import FrameWriter, read_frames
from llmri_protocol.codec import decode, encode
from llmri_protocol.frames import LENGTH
from llmri_protocol.messages import (
    ClearInterventions,
    Command,
    Edit,
    Edits,
    Intervene,
    Redo,
    Reply,
    ServerMessage,
    Undo,
)
from llmri_viewer.model.measured.measuring import KINDS
from llmri_viewer.model.state import Link, LinkStatus

FOLDER = Path(__file__).parent
CONVERSATION = FOLDER / "conversation.frames"
CLUSTERS = FOLDER / "clusters.llmri"
CAUSE = (1, 21)  # turn and token after which the sum's first digit comes
CAUSE_CLUSTER = 75  # the cluster whose ablation changes that digit most


def save(path: Path, messages: Iterable[ServerMessage]) -> None:
    """Write messages as frames, packed, and without times, so that the file repeats."""
    path.unlink(missing_ok=True)
    with FrameWriter(path, packed=True) as writer:
        for message in messages:
            length, *body = encode(message)
            writer.append(0.0, "server", (length[LENGTH.size :], *body))


def load(path: Path = CONVERSATION) -> list[ServerMessage]:
    """Return the messages of a file, in order."""
    return [decode(frame.body, "server") for frame in read_frames(path)]


class RecordedLink:
    """Stands where the link to a server stands: what is recorded comes in, requests are answered from it.

    Edits are answered as a server does, with all that then stand. A measurement gets the answer recorded for
    its kind.
    """

    def __init__(self, messages: Sequence[ServerMessage]) -> None:
        self.inbox: Inbox[Event] = Inbox()
        self.asked: list[Command] = []
        self._answers: Mapping[str, ServerMessage] = {
            KINDS[type(message)]: message for message in messages if type(message) in KINDS
        }
        self._stands: list[tuple[Edit, ...]] = [()]
        self._undone: list[tuple[Edit, ...]] = []

    def start(self) -> None:
        """Be connected."""
        self.inbox.put(LinkStatus(Link.CONNECTED, "connected to pocket"))

    def stop(self) -> None:
        """End; nothing is open."""

    def send(self, request: Command) -> None:
        """Answer a request at once."""
        self.asked.append(request)
        if isinstance(request, Intervene | Undo | Redo | ClearInterventions):
            self._edit(request)
        elif (kind := KINDS.get(type(request))) in self._answers and kind is not None:
            self.inbox.put(msgspec.structs.replace(self._answers[kind], id=request.id))
        self.inbox.put(Reply(id=request.id, time=0.0))

    def _edit(self, request: Intervene | Undo | Redo | ClearInterventions) -> None:
        match request:
            case Intervene():
                self._change((*self._stands[-1], *request.edits))
            case ClearInterventions():
                self._change(())
            case Undo() if len(self._stands) > 1:
                self._undone.append(self._stands.pop())
            case Redo() if self._undone:
                self._stands.append(self._undone.pop())
        self.inbox.put(
            Edits(
                edits=self._stands[-1],
                revision=len(self._stands),
                undoable=len(self._stands) - 1,
                redoable=len(self._undone),
                by="llmri view",
            )
        )

    def _change(self, edits: tuple[Edit, ...]) -> None:
        self._stands.append(edits)
        self._undone.clear()
