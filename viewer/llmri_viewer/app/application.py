"""The viewer without its window: link, store, state and meter, moved by events and commands."""

import queue
import time
from collections import deque
from dataclasses import dataclass, replace
from importlib.metadata import version

import msgspec

from llmri_client.address import Address
from llmri_client.link import Connection, Retry, ServerLink
from llmri_protocol.messages import Command as Request
from llmri_protocol.messages import Edits, Error, Notice, Ping, Reply, Scan, ServerMessage, TurnEnd, Welcome
from llmri_viewer import views
from llmri_viewer.app import events
from llmri_viewer.app.drafts import Drafts
from llmri_viewer.app.meter import Meter
from llmri_viewer.app.ranker import Ranker
from llmri_viewer.cluster_job.builder import ClusterBuilder
from llmri_viewer.commands import Command, update
from llmri_viewer.commands.base import OFFLINE, Silent, Step
from llmri_viewer.commands.effects import SessionEffect, WindowEffect
from llmri_viewer.model import state as states
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.history.store import ScanStore
from llmri_viewer.model.measured.measuring import Asked
from llmri_viewer.model.options import Options
from llmri_viewer.model.playback import Player
from llmri_viewer.model.state import Link, LinkStatus, ViewState

PING_SECONDS = 2.0
NEWS_SECONDS, WARNING_SECONDS = 3.0, 6.0
LETTERS_A_SECOND = 20.0  # of slow, unhurried reading
MESSAGES_A_FRAME = 512  # more wait for the next frame, so that keys are never slow


@dataclass
class Tally:
    """How many events of each kind came so far; scripts wait for these."""

    welcomes: int = 0
    answers: int = 0  # since the latest welcome
    scans: int = 0
    turn_ends: int = 0
    edits: int = 0


def notice_seconds(sentence: str, *, warning: bool) -> float:
    """Return how long a notice shows."""
    return (WARNING_SECONDS if warning else NEWS_SECONDS) + len(sentence) / LETTERS_A_SECOND


@dataclass
class NoticeClock:
    """Counts down the time of the notice that shows."""

    _shown: tuple[str, bool] = ("", False)
    _left: float = 0.0

    def see(self, state: ViewState, *, anew: bool = False) -> None:
        """Begin to count where another notice shows, or the same one was told `anew`."""
        shown = (state.overlays.notice, state.overlays.warning)
        if anew or shown != self._shown:
            self._shown = shown
            self._left = notice_seconds(state.overlays.notice, warning=state.overlays.warning)

    def over(self, passed: float) -> bool:
        """Let so many seconds pass; tell whether a notice has shown for long enough."""
        self._left -= passed
        return bool(self._shown[0]) and self._left <= 0


class Application:
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
        link: Connection | None = None,
    ) -> None:
        self.options = options
        self.store = ScanStore(options.memory_mib << 20)
        self.state = states.first(
            options,
            str(address),
            site=site,
            layer=layer,
            atlas=atlas,
            read_only=address.role == "viewer",
        )
        self.meter = Meter()
        self.tally = Tally()
        self.link: Connection = link or _server_link(address, options, reconnect=reconnect)
        self.effects: deque[WindowEffect] = deque()  # for the window, in order
        self.cluster_builder = ClusterBuilder()
        self._drafts = Drafts()
        self._ranker = Ranker()
        self._notices = NoticeClock()
        self._player = Player()
        self._next_id = 1
        self._pings: deque[tuple[int, float]] = deque(maxlen=8)
        self._last_ping = 0.0

    @property
    def state(self) -> ViewState:
        """What is shown; always with the edits that the shown token was computed under."""
        return self._state

    @state.setter
    def state(self, state: ViewState) -> None:
        under = self.store.under(state.time.at)
        self._state = (
            state if state.time.under == under else replace(state, time=replace(state.time, under=under))
        )

    def poll(self) -> None:
        """Take in what arrived since, and ask for the server's clock now and then."""
        for _ in range(MESSAGES_A_FRAME):
            try:
                event = self.link.inbox.get_nowait()
            except queue.Empty:
                break
            self.receive(event)
            if isinstance(event, Scan) and self.state.time.at == (event.turn, event.token):
                self.meter.timings.taken(self.link.inbox.arrived)
        self._carry_out(self.cluster_builder.poll(self.state, self.store))
        self._notices.see(self.state)
        wanted = views.of(self.state).needs(self.state, self.store)
        if wanted is not None:
            self._carry_out(Step(self.state, (wanted,)))
        now = time.time()
        if self.state.connection.link.link is Link.CONNECTED and now - self._last_ping > PING_SECONDS:
            self._last_ping = now
            self._pings.append((self._send(Ping(id=0)), now))

    def receive(self, event: ServerMessage | LinkStatus) -> None:
        """Take in one event."""
        self._count(event)
        self._carry_out(events.received(self.state, self.store, event))
        self.state = self._drafts.take(event, self.state, self.store)
        self.state = self.cluster_builder.take(event, self.state, self.store)
        self._notices.see(self.state, anew=isinstance(event, Notice | Error))

    def do(self, command: Command) -> None:
        """Carry out a command."""
        self._carry_out(update(self.state, command, self.store))
        self._notices.see(self.state, anew=not isinstance(command, Silent))

    def glide(self, seconds: float) -> None:
        """Let what moves move on for so long, and a notice go that showed for long enough."""
        self.state = views.of(self.state).advanced(self.state, seconds)
        self.state = self._player.advance(self.state, self.store, seconds)
        if views.of(self.state).of_clusters or self.state.clusters.ranking is not None:
            self.state = self._ranker.advance(self.state, self.store, seconds)
        if self._notices.over(seconds):
            self.tell("")

    def tell(self, sentence: str, *, warning: bool = False) -> None:
        """Show a notice."""
        self.state = self.state.noticing(sentence, warning=warning)
        self._notices.see(self.state, anew=True)

    def pending(self) -> bool:
        """Tell whether messages wait to be taken in."""
        return not self.link.inbox.empty()

    def close(self) -> None:
        """End the connection, and the work of other processes."""
        self.link.stop()
        self.cluster_builder.close()

    def _carry_out(self, step: Step) -> None:
        self.state = step.state
        self.effects.extend(effect for effect in step.effects if isinstance(effect, WindowEffect))
        for effect in step.effects:
            if isinstance(effect, SessionEffect):
                self.state = self.cluster_builder.run(effect, self.state)
        if step.requests and self.state.connection.link.link is not Link.CONNECTED:
            self.state = self.state.noticing(OFFLINE, warning=True)
            return
        for request in step.requests:
            number = self._send(request)
            asked = Asked(
                request,
                self.state.time.at,
                self.state.editing.standing.edits,
                max(self.store.turns, default=0),
            )
            self.state = replace(self.state, measurements=self.state.measurements.asked(asked, number))

    def _send(self, request: Request) -> int:
        """Return the request the next id and send it."""
        number = self._next_id
        self._next_id += 1
        self._drafts.sent(number, request)
        self.link.send(msgspec.structs.replace(request, id=number))
        return number

    def _count(self, event: ServerMessage | LinkStatus) -> None:
        match event:
            case Welcome():
                self.tally.welcomes += 1
                self.tally.answers = 0
                self.meter.dropped = 0
                self._pings.clear()
            case Scan():
                self.tally.scans += 1
                self.meter.scan(event.time, time.time())
            case TurnEnd():
                self.tally.turn_ends += 1
            case Edits():
                self.tally.edits += 1
            case Notice():
                self.meter.dropped = max(self.meter.dropped, event.dropped)
            case Reply():
                self.tally.answers += 1
                self._answered(event)
            case _:
                pass

    def _answered(self, reply: Reply) -> None:
        for number, asked in self._pings:
            if number == reply.id:
                self.meter.pong(asked, reply.time, time.time())


def _server_link(address: Address, options: Options, *, reconnect: bool) -> ServerLink:
    """Return a link with the waits and the limit of the settings."""
    retry = Retry(options.retry_first_seconds, options.retry_longest_seconds) if reconnect else None
    return ServerLink(address, f"llmri view {version('llmri')}", retry=retry, limit=options.frame_mib << 20)
