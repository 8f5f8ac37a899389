"""The messages that move through a recording, for everybody who watches it."""

from typing import Annotated

from msgspec import Meta

from llmri_protocol.catalogue import ClientEntry, Command, ServerEntry, ServerMessage, small
from llmri_protocol.fields import Count, PlaybackState, TurnNumber

Playing = Annotated[PlaybackState | None, Meta(description="whether it goes on by itself; null: as it was")]
Speed = Annotated[
    Annotated[float, Meta(ge=0, le=1_000_000)] | None,
    Meta(description="times as fast as it was recorded, 0 as fast as can be; null: as it was"),
]


class ControlPlayback(Command, frozen=True, kw_only=True, tag="playback"):
    """Play a recording, pause it, go to a place in it, or change its speed."""

    entry = ClientEntry(role="controller", answer="reply", check=None, optional=True)

    state: Playing = None
    turn: Annotated[TurnNumber | None, Meta(description="where to go; null stays")] = None
    token: Annotated[Count | None, Meta(description="a token of that turn; null takes its first")] = None
    speed: Speed = None


class Playback(ServerMessage, frozen=True, kw_only=True, tag="playback"):
    """Where in a recording its playback is, sent to everybody after every change."""

    entry = ServerEntry(plain=None, weight=small, check=None)

    state: Playing = None
    turn: Annotated[TurnNumber | None, Meta(description="the turn that is shown next; null at the end")] = (
        None
    )
    token: Annotated[Count | None, Meta(description="the token of it")] = None
    speed: Speed = None
