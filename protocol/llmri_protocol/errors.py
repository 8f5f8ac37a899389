"""What goes wrong on the wire, and whose fault it is: ours (local) or the peer's (remote)."""

from typing import Literal

from llmri_protocol.messages import Error

Code = Literal[
    "bad_body",
    "bad_edit",
    "bad_field",
    "bad_subscription",
    "bad_token",
    "closing",
    "hello_expected",
    "internal",
    "not_allowed",
    "nothing_to_measure",
    "nothing_to_redo",
    "nothing_to_undo",
    "protected",
    "stopped",
    "token_required",
    "too_long",
    "too_many_clients",
    "too_many_turns",
    "unexpected",
    "unknown_type",
    "unsupported",
    "version",
]

CODES: dict[Code, str] = {
    "bad_body": "The body is no MessagePack map (plain dialect: no JSON object).",
    "bad_edit": "An edit does not fit the model, or measured it makes a value infinite or not a number; the "
    "message names it. Nothing applied.",
    "bad_field": "A field is missing, unknown, of the wrong type or out of range; the message names it.",
    "bad_subscription": "The model has no such site or layer.",
    "bad_token": "The access token in `hello` is missing or wrong.",
    "closing": "The server is ending.",
    "hello_expected": "A native connection must begin with `hello`, and in time.",
    "internal": "The server itself failed at a command; it lives on.",
    "not_allowed": "The role may not send this message.",
    "nothing_to_measure": "There is no conversation and no text, or there are no edits, to measure with.",
    "nothing_to_redo": "No change was undone.",
    "nothing_to_undo": "No change was made.",
    "protected": "An edit of a unit whose ablation breaks the model; the message names it. Nothing applied.",
    "stopped": "The measurement was ended by `stop` before it had a result.",
    "token_required": "The server asks for an access token, so it speaks the native dialect only.",
    "too_long": "A frame's length is over the limit; the message gives both numbers.",
    "too_many_clients": "As many clients as the server takes are connected, or as many wrong tokens as it "
    "takes came from this address; later there may be room.",
    "too_many_turns": "As many turns as the server takes are waiting.",
    "unexpected": "The message exists, but not in this state of the connection.",
    "unknown_type": "No message of this sender has that `type`.",
    "unsupported": "This model, or what runs it, cannot do that; the message says why.",
    "version": "The two ends speak different versions of the protocol; the message gives both numbers.",
}

# A refusal for one of these says nothing of the client: the same `hello` may be welcome a moment later.
PASSING: frozenset[Code] = frozenset({"closing", "hello_expected", "too_many_clients"})

LONGEST_MESSAGE = 500  # an error quotes what came; it must not send a megabyte of it back


class ProtocolError(Exception):
    """The wire's rules were broken; see the two subclasses for by whom."""


class LocalProtocolError(ProtocolError):
    """Our own side tried to send what it may not, or used a connection wrongly."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the rules.

    Attributes:
        code: A word for programs, one of `CODES`.
        message: A sentence for people.
        fatal: Whether the connection must end; otherwise it lives on.
        id: The command's id, where it could still be read.
    """

    def __init__(self, code: Code, message: str, *, fatal: bool = False, id: int | None = None) -> None:  # noqa: A002
        if len(message) > LONGEST_MESSAGE:
            message = message[: LONGEST_MESSAGE - 1] + "…"
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.fatal = fatal
        self.id = id

    def answer(self) -> Error:
        """Return the `error` message that tells the peer."""
        return Error(code=self.code, message=self.message, id=self.id)
