"""What is said of every message, at the message's own class, and the bases that ask for it.

A message is a class below `Command`, `ServerMessage` or a plain one, with an `entry` in which nothing lacks;
otherwise its module cannot be imported. What depends on the kind of a message is read from there: the unions
and decoders, who may send what when, the forms in the plain dialect, the weight in a queue, the checks
that types cannot make, and the tables of `docs/protocol.md`.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

import msgspec
import numpy as np
import numpy.typing as npt

from llmri_protocol.fields import CommandId, Dialect, Role, Sender, State, Told, Value

__all__ = [
    "Answer",
    "ClientMessage",
    "Command",
    "Message",
    "ServerMessage",
    "type_of",
]  # `messages` hands them on

OVERHEAD = 200  # bytes a small message takes in memory, roughly
LACKING: Any = object()

Kind = TypeVar("Kind", bound=Value)

# In which states a message may be sent, and which state follows it. A client need not wait for `welcome`:
# its commands may follow `hello` in the same segment.
Steps = Mapping[State, State]
COMMAND_STEPS: Steps = {"welcome": "welcome", "open": "open"}
PLAIN_STEPS: Steps = {"open": "open"}
REPORT_STEPS: Steps = {"open": "open", "closing": "closing"}


class CatalogueError(TypeError):
    """A message's class does not say all that a message says of itself; the sentence names both."""


class Mismatch(NamedTuple):
    """Sizes inside a message that do not agree."""

    field: str
    found: str
    expected: str


Check = Callable[[Any], Mismatch | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClientEntry:
    """What is said of a message that a client sends.

    Attributes:
        role: The least that may send it: a `viewer`, and so everybody, or only a `controller`.
        answer: The type of the message that answers it: `reply`, or the result that comes before its `reply`.
        check: Finds what its types cannot say: sizes that do not agree. None where they always do.
        steps: In which states it may be sent, and which state follows; None as for all others of its base.
        optional: Whether a server may be unable to answer it; `welcome.answers` says.
    """

    role: Role = LACKING
    answer: str = LACKING
    check: Check | None = LACKING
    steps: Steps | None = None
    optional: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerEntry:
    """What is said of a message that a server sends.

    Attributes:
        plain: Gives what a plain client is told instead; None where the plain dialect has no word for it.
        weight: Estimates the memory it holds while it waits to be sent, in bytes, besides `OVERHEAD`.
        check: As in `ClientEntry`.
        steps: As in `ClientEntry`.
    """

    plain: Callable[[Any], Iterable["PlainServerMessage"]] | None = LACKING
    weight: Callable[[Any], int] = LACKING
    check: Check | None = LACKING
    steps: Steps | None = None


class Message(Value, frozen=True, kw_only=True, tag_field="type", omit_defaults=False):
    """A whole body: a map whose `type` names the class.

    Raises:
        CatalogueError: A class of messages is defined and does not say all of itself.
    """

    sender: ClassVar[Sender]
    dialect: ClassVar[Dialect]
    steps: ClassVar[Steps]
    entry: ClassVar[ClientEntry | ServerEntry]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__module__ != __name__:  # the bases below are no messages
            _check_entry(cls)


class ClientMessage(Message, frozen=True, kw_only=True):
    """What a client sends in the native dialect."""

    sender = "client"
    dialect = "native"
    steps = COMMAND_STEPS
    entry: ClassVar[ClientEntry]


class Command(ClientMessage, frozen=True, kw_only=True, omit_defaults=True):
    """What a client sends once it said `hello`.

    A field that has its default is not sent: so an older server of the same version hears nothing of a field
    that it does not know and nobody uses.
    """

    id: CommandId


class ServerMessage(Message, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """What a server sends in the native dialect; what a later server adds to it is passed over."""

    sender = "server"
    dialect = "native"
    steps = REPORT_STEPS
    entry: ClassVar[ServerEntry]


class Answer(ServerMessage, frozen=True, kw_only=True):
    """What a server sends to who asked, and to nobody else: what comes of the command with this id."""

    id: CommandId


class Numbers(Told, frozen=True, kw_only=True):
    """What a message with an array has: `numpy.asarray(message)` is `array_of(message)`, in float32."""

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        from llmri_protocol.arrays import array_of  # noqa: PLC0415 - it reads these classes

        array = array_of(cast("Any", self))
        wanted = array.dtype if dtype is None else np.dtype(dtype)
        if copy is False and wanted != array.dtype:
            raise ValueError(f"a {type(self).__name__} in {wanted} is a copy; leave copy=False out")
        return array.astype(wanted, copy=bool(copy))


class PlainClientMessage(Message, frozen=True, kw_only=True):
    """What a client sends in the plain dialect."""

    sender = "client"
    dialect = "plain"
    steps = PLAIN_STEPS
    entry: ClassVar[ClientEntry]


class PlainServerMessage(Message, frozen=True, kw_only=True):
    """What a server sends in the plain dialect."""

    sender = "server"
    dialect = "plain"
    steps = REPORT_STEPS
    entry: ClassVar[ServerEntry]


def small(message: Message) -> int:  # noqa: ARG001 - one of the weights
    """Return the weight of a message that holds no text or numbers of any length."""
    return 0


def itself(message: PlainServerMessage) -> tuple[PlainServerMessage]:
    """Return the plain form of a message of the plain dialect."""
    return (message,)


def type_of(message: msgspec.Struct | type[msgspec.Struct]) -> str:
    """Return the name that a message or its class has on the wire."""
    return str(message.__struct_config__.tag)


def kinds_of(base: type[Kind], namespace: Mapping[str, object], *modules: str) -> tuple[type[Kind], ...]:
    """Return the classes below a base that these modules of the package define, in their order."""
    kinds = [kind for kind in namespace.values() if isinstance(kind, type) and issubclass(kind, base)]
    homes = [f"{__package__}.{module}" for module in modules]
    return tuple(kind for home in homes for kind in kinds if kind.__module__ == home)


def steps_of(kind: type[Message]) -> Steps:
    """Return in which states a message may be sent, and which state follows each."""
    return kind.steps if kind.entry.steps is None else kind.entry.steps


def check_answers(asking: Iterable[type[Message]], answering: Iterable[type[Message]]) -> None:
    """Check that what answers each message is a message.

    Raises:
        CatalogueError: One is answered by none.
    """
    types = {type_of(kind) for kind in answering}
    for kind in asking:
        answer = kind.entry.answer if isinstance(kind.entry, ClientEntry) else ""
        if answer not in types:
            raise CatalogueError(
                f"the message {kind.__name__} is answered by `{answer}`, which no server sends"
            )


def _check_entry(kind: type[Message]) -> None:
    sender = getattr(kind, "sender", None)
    if sender is None:
        raise CatalogueError(f"the message {kind.__name__} has no sender, expected a base such as `Command`")
    wanted = ClientEntry if sender == "client" else ServerEntry
    entry = vars(kind).get("entry")
    if not isinstance(entry, wanted):
        raise CatalogueError(f"the message {kind.__name__} lacks its `entry`, expected a {wanted.__name__}")
    lacking = [
        f"`{field.name}`" for field in dataclasses.fields(entry) if getattr(entry, field.name) is LACKING
    ]
    if lacking:
        raise CatalogueError(f"the message {kind.__name__} lacks {', '.join(lacking)} in its `entry`")
