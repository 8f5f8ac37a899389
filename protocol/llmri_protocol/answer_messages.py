"""The messages that any command may be answered with, and those that are told at any time."""

from typing import Annotated

from msgspec import Meta

from llmri_protocol.catalogue import (
    OVERHEAD,
    Answer,
    ClientEntry,
    Command,
    ServerEntry,
    ServerMessage,
    Steps,
    small,
)
from llmri_protocol.fields import MOST_SKIPPED, Count, Level, Name, Seconds
from llmri_protocol.plain_messages import PlainError
from llmri_protocol.structs import ModelCard

REFUSING: Steps = {"hello": "closed", "welcome": "closed", "open": "open", "closing": "closing"}
PARTING: Steps = {"hello": "closed", "welcome": "closed", "open": "closed", "closing": "closed"}


class Ping(Command, frozen=True, kw_only=True, tag="ping"):
    """Ask for a reply and nothing else."""

    entry = ClientEntry(role="viewer", answer="reply", check=None)


class Reply(Answer, frozen=True, kw_only=True, tag="reply"):
    """The command with this id was carried out."""

    entry = ServerEntry(plain=None, weight=small, check=None)

    turn: Annotated[Count | None, Meta(description="for `chat`: the number its turn has")] = None
    skipped: Annotated[
        tuple[Name, ...],
        Meta(max_length=MOST_SKIPPED, description="fields of the command that this server does not know"),
    ] = ()
    time: Seconds


def _plain_error(error: "Error") -> tuple[PlainError]:
    return (PlainError(code=error.code, message=error.message),)


class Error(ServerMessage, frozen=True, kw_only=True, tag="error"):
    """Something was refused; without an id it concerns the connection."""

    entry = ServerEntry(plain=_plain_error, weight=small, check=None, steps=REFUSING)

    code: Annotated[Name, Meta(description="a word for programs, such as `bad_field`")]
    message: Annotated[str, Meta(description="a sentence for people")]
    id: Annotated[Count | None, Meta(description="the command that was refused")] = None


class Notice(ServerMessage, frozen=True, kw_only=True, tag="notice"):
    """Something worth telling: scans dropped, a context trimmed."""

    entry = ServerEntry(plain=None, weight=small, check=None)

    level: Annotated[Level, Meta(description="how much it matters", extra={"unknown": "info"})]
    message: Annotated[str, Meta(description="a sentence for people")]
    dropped: Annotated[Count, Meta(description="scans dropped for this client so far")] = 0


class Card(ServerMessage, frozen=True, kw_only=True, tag="card"):
    """The model's card, whenever something on it changes: protected units found later."""

    entry = ServerEntry(plain=None, weight=lambda message: OVERHEAD * len(message.card.protected), check=None)

    card: Annotated[ModelCard, Meta(description="all of it, in place of the one before")]


class Bye(ServerMessage, frozen=True, kw_only=True, tag="bye"):
    """The server ends the connection on purpose."""

    entry = ServerEntry(plain=None, weight=small, check=None, steps=PARTING)

    reason: Annotated[str, Meta(description="a sentence for people")]
