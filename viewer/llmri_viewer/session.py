"""The viewer without its window: link, store, state and meter, moved by events and commands."""

import queue
import time
from collections import deque
from dataclasses import dataclass, replace

import msgspec

from llmri_protocol.messages import Command as Request
from llmri_protocol.messages import Edits, Error, Notice, Ping, Reply, Scan, ServerMessage, TurnEnd, Welcome
from llmri_viewer import events
from llmri_viewer import state as states
from llmri_viewer.atlas import Atlas
from llmri_viewer.commands import Command, update
from llmri_viewer.commands.base import Step
from llmri_viewer.link import Address, ServerLink
from llmri_viewer.meter import Meter
from llmri_viewer.options import Options
from llmri_viewer.state import Link, LinkStatus, ViewState
from llmri_viewer.store import ScanStore
from llmri_viewer.views import circles

PING_SECONDS = 2.0
MESSAGES_A_FRAME = 512  # more wait for the next frame, so that keys are never slow
OFFLINE = "not connected: nothing was sent"


@dataclass
class Tally:
    """How many events of each kind came so far; scripts wait for these."""

    welcomes: int = 0
    scans: int = 0
    turn_ends: int = 0
    edits: int = 0
    refusals: int = 0


class Session:
    """Everything the window shows, and the way of a command to the server."""

    def __init__(
        self,
        address: Address,
        options: Options,
        *,
        reconnect: bool = True,
        site: str = "",
        layer: int | None = None,
        atlas: Atlas | None = None,
    ) -> None:
        self.state: ViewState = states.first(options, str(address), site=site, layer=layer, atlas=atlas)
        self.options = options
        self.store = ScanStore(options.memory_mib << 20)
        self.meter = Meter()
        self.tally = Tally()
        self.link = ServerLink(address, options, reconnect=reconnect)
        self._next_id = 1
        self._pings: deque[tuple[int, float]] = deque(maxlen=8)
        self._last_ping = 0.0

    def poll(self) -> None:
        """Take in what arrived since, and ask for the server's clock now and then."""
        for _ in range(MESSAGES_A_FRAME):
            try:
                event = self.link.inbox.get_nowait()
            except queue.Empty:
                break
            self.receive(event)
        now = time.time()
        if self.state.link.link is Link.CONNECTED and now - self._last_ping > PING_SECONDS:
            self._last_ping = now
            self._pings.append((self._send(Ping(id=0)), now))

    def receive(self, event: ServerMessage | LinkStatus) -> None:
        """Take in one event."""
        self._count(event)
        self._carry_out(events.received(self.state, self.store, event))

    def do(self, command: Command) -> None:
        """Carry out a command."""
        self._carry_out(update(self.state, command, self.store))

    def glide(self, seconds: float) -> None:
        """Let a moving camera move on for so long."""
        self.state = circles.glided(self.state, seconds)

    def tell(self, sentence: str, *, warning: bool = False) -> None:
        """Show a notice."""
        self.state = replace(self.state, notice=sentence, warning=warning)

    def pending(self) -> bool:
        """Tell whether messages wait to be taken in."""
        return not self.link.inbox.empty()

    def _carry_out(self, step: Step) -> None:
        self.state = step.state
        if step.requests and self.state.link.link is not Link.CONNECTED:
            self.state = replace(self.state, notice=OFFLINE, warning=True)
            return
        for request in step.requests:
            self._send(request)

    def _send(self, request: Request) -> int:
        """Give the request the next id and send it."""
        number = self._next_id
        self._next_id += 1
        self.link.send(msgspec.structs.replace(request, id=number))
        return number

    def _count(self, event: ServerMessage | LinkStatus) -> None:
        match event:
            case Welcome():
                self.tally.welcomes += 1
                self.meter.dropped = 0
                self._pings.clear()
            case Scan():
                self.tally.scans += 1
                self.meter.scan(event.time, time.time())
            case TurnEnd():
                self.tally.turn_ends += 1
            case Edits():
                self.tally.edits += 1
            case Error():
                self.tally.refusals += 1
            case Notice():
                self.meter.dropped = max(self.meter.dropped, event.dropped)
            case Reply():
                self._answered(event)
            case _:
                pass

    def _answered(self, reply: Reply) -> None:
        for number, asked in self._pings:
            if number == reply.id:
                self.meter.pong(asked, reply.time, time.time())
