"""The wire's I/O for everybody who is not the server: connections that block, that reconnect and that are
awaited, TLS, and frames in files.

`llmri_client.async_channel` has the awaited one: asyncio takes long to load, so it is not handed on here.
"""

from llmri_client.address import Address
from llmri_client.channel import Channel
from llmri_client.errors import ConnectionEndedError, RefusedError
from llmri_client.link import ServerLink
from llmri_client.link_status import Link, LinkStatus
from llmri_client.recording import Frame, FrameWriter, RecordingError, read_frames

__all__ = [
    "Address",
    "Channel",
    "ConnectionEndedError",
    "Frame",
    "FrameWriter",
    "Link",
    "LinkStatus",
    "RecordingError",
    "RefusedError",
    "ServerLink",
    "read_frames",
]
