"""What the worker says on its way, a line of JSON each."""

import msgspec


class Step(msgspec.Struct, frozen=True, tag="step"):
    """How far it is: the step in words, and `done` of `of` of all there is to do."""

    words: str
    done: int
    of: int


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """Everything lies in the folder."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Nothing comes of it, and why, in a clause."""

    why: str


News = Step | Ready | Failed
_DECODER: msgspec.json.Decoder[News] = msgspec.json.Decoder(News)


def line(news: News) -> bytes:
    """Write news as a line."""
    return msgspec.json.encode(news) + b"\n"


def read(line: bytes) -> News | None:
    """Read a line; None where it is none of ours, such as a library's warning."""
    try:
        return _DECODER.decode(line)
    except msgspec.DecodeError:
        return None
