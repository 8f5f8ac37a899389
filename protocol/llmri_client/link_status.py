"""How a link to a server stands."""

from dataclasses import dataclass
from enum import Enum


class Link(Enum):
    """How the connection stands."""

    CONNECTING = "connecting"
    WAITING = "waiting"
    CONNECTED = "connected"
    REFUSED = "refused"


@dataclass(frozen=True)
class LinkStatus:
    """The connection in a word and in a sentence."""

    link: Link
    sentence: str
