"""What the worker says on its way, a line of JSON each."""

import msgspec


class JobStep(msgspec.Struct, frozen=True, tag="step"):
    """How far it is: the step in words, and `done` of `of` of all there is to do."""

    words: str
    done: int
    of: int


class JobReady(msgspec.Struct, frozen=True, tag="ready"):
    """Everything lies in the folder."""


class JobFailed(msgspec.Struct, frozen=True, tag="failed"):
    """Nothing comes of it, and why, in a clause."""

    why: str


JobProgress = JobStep | JobReady | JobFailed
_DECODER: msgspec.json.Decoder[JobProgress] = msgspec.json.Decoder(JobProgress)


def line(news: JobProgress) -> bytes:
    """Write news as a line."""
    return msgspec.json.encode(news) + b"\n"


def read(line: bytes) -> JobProgress | None:
    """Read a line; None where it is none of ours, such as a library's warning."""
    try:
        return _DECODER.decode(line)
    except msgspec.DecodeError:
        return None
