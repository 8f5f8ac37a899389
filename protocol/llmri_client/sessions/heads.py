"""What is read of a body without decoding it whole: its type, and where in the talk it belongs."""

import msgspec

from llmri_protocol.frames import Buffer


class BodyError(ValueError):
    """A body is no message."""


class Head(msgspec.Struct, frozen=True):
    """What a message says of its place.

    Attributes:
        type: Its name on the wire.
        site: The site of a scan; empty for other messages.
        turn: Its turn; None outside of one.
        token: Its token in the turn.
        time: In seconds since 1970; None where it says none.
    """

    type: str
    site: str = ""
    turn: int | None = None
    token: int | None = None
    time: float | None = None

    @property
    def topic(self) -> str:
        """The topic of its channel, such as `/scan/resid_post`."""
        return f"/{self.type}/{self.site}" if self.site and self.type == "scan" else f"/{self.type}"


_decoder = msgspec.msgpack.Decoder(Head)


def head_of(body: Buffer) -> Head:
    """Return what a body says of its place.

    Raises:
        BodyError: It is no MessagePack map with a `type`.
    """
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BodyError(f"no message: {error}") from None
