"""The thread that sends to one viewer what waits in its outbox."""

from collections.abc import Callable, Iterator
from typing import Protocol

from llmri_protocol.messages import Notice
from llmri_server.broadcast.hub import Member
from llmri_server.broadcast.outbox import Outbox, OutboxBatch, Outgoing
from llmri_server.broadcast.shared_scans import AnswerScan, SharedScan
from llmri_server.network.transport import Buffers, Transport

MOST_BUFFERS = 512  # in one system call; Linux takes 1024
SOON = 1 << 16  # bytes: small messages share a system call, a large one leaves while the cache holds it


class Encoder(Protocol):
    """Gives a message's frames as buffers."""

    def __call__(self, message: Outgoing) -> Buffers:
        """Encode one message."""
        ...


def send_all(
    outbox: Outbox, transport: Transport, encode: Encoder, member: Callable[[], Member | None]
) -> None:
    """Send what the outbox holds until it is finished or overflows.

    Raises:
        OSError: The connection broke.
    """
    while (batch := outbox.take()) is not None:
        buffers: list[bytes | bytearray | memoryview] = []
        size = 0
        for message in messages_of(batch, member()):
            encoded = encode(message)
            buffers += encoded
            size += sum(map(len, encoded))
            if size >= SOON or len(buffers) >= MOST_BUFFERS:
                transport.send(buffers)
                buffers, size = [], 0
        if buffers:
            transport.send(buffers)


def messages_of(batch: OutboxBatch, member: Member | None) -> Iterator[Outgoing]:
    """Yield what to send for a batch: scans shaped to the viewer's present wish, and how many it lost."""
    for parcel in batch.parcels:
        if isinstance(parcel, AnswerScan):
            yield from parcel.messages()
        elif not isinstance(parcel, SharedScan):
            yield parcel
        elif member is not None:
            yield from member.shaped(parcel)
    if batch.dropped:
        text = f"{batch.dropped} scans were dropped so far, the oldest first: {batch.full}"
        yield Notice(level="warning", message=text, dropped=batch.dropped)
