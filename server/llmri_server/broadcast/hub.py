"""Where everything that happens is announced, and every viewer gets what it asked for."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from llmri_protocol.messages import (
    Bye,
    Error,
    ModelCard,
    Notice,
    Scan,
    ServerMessage,
    Subscribe,
    TurnEnd,
    TurnStart,
    WishedDtype,
)
from llmri_server.broadcast.outbox import Outbox
from llmri_server.broadcast.shared_scans import SharedScan
from llmri_server.runtime import CapturePlan


class SubscriptionError(ValueError):
    """A viewer asked for a site or a layer that the model has not; the message names both."""


@dataclass(frozen=True)
class Subscription:
    """What one viewer wants of every scan: `sites` names the sites, `layers` are ascending."""

    sites: frozenset[str]
    layers: tuple[int, ...]
    dtype: WishedDtype = "native"
    every: int = 1
    prompt: bool = True
    stats: bool = False

    def wants(self, scan: SharedScan) -> bool:
        """Say whether a scan of a wanted site is one of the wanted tokens."""
        event = scan.event
        return event.number % self.every == 0 and (self.prompt or event.phase == "generate")


NOTHING = Subscription(frozenset(), ())
TOO_LARGE = "a value of `{site}` is too large for f16, at most 65,504; such scans are sent as f32"
FULL = Error(
    code="too_many_clients",
    message="this server has as many clients as it takes, or is ending; try again later",
)


class Member:
    """A viewer in the hub: its outbox, its wish, and whether it is a plain one that has said nothing yet."""

    def __init__(self, outbox: Outbox, *, silent: bool = False) -> None:
        self.outbox = outbox
        self.wish = NOTHING
        self.silent = silent
        self._too_large: set[str] = set()

    def shaped(self, scan: SharedScan) -> Iterator[Scan | Notice]:
        """Yield a scan as the viewer wishes it at present, if at all, and what there is to say of that."""
        wish = self.wish
        if scan.event.site not in wish.sites:
            return
        message = scan.message(wish.layers, wish.dtype, stats=wish.stats)
        if message is None:
            return
        yield message
        if wish.dtype == "f16" and message.dtype != "f16" and message.site not in self._too_large:
            self._too_large.add(message.site)
            yield Notice(level="info", message=TOO_LARGE.format(site=message.site))


class Hub:
    """Announces without waiting, and keeps the runtime's capture plan at the union of all wishes.

    `tell` and `scan` take no lock of the hub, so the model's thread never waits for a viewer's change.

    Args:
        card: The model, to check wishes against.
        capture: Takes a new capture plan.
        prompt_positions: How many last positions of a prompt are scanned, where somebody wants any.
        most: How many members may be in at once.
    """

    def __init__(
        self,
        card: ModelCard,
        capture: Callable[[CapturePlan], None],
        prompt_positions: int,
        most: int,
    ) -> None:
        self._card = card
        self._capture = capture
        self._prompt_positions = prompt_positions
        self._most = most
        self._lock = threading.Lock()
        self._members: tuple[Member, ...] = ()
        self._routes: dict[str, tuple[Member, ...]] = {}
        self._closed: str | None = None
        self._turn: TurnStart | None = None
        self._ended = 0  # the number of the turn that ended last

    def __len__(self) -> int:
        return len(self._members)

    def join(
        self,
        outbox: Outbox,
        *first: ServerMessage,
        silent: bool = False,
        instead_of: Member | None = None,
    ) -> Member | None:
        """Let a viewer in, which gets the `first` messages before any other; None where the hub is full.

        In the middle of a turn the turn's start comes next. Where the hub is full, the member that has been
        silent for longest gives way, and is told so.

        Args:
            outbox: The viewer's.
            first: What it gets first.
            silent: It said nothing, so that others need not give way.
            instead_of: What it was until now; what waits in the outbox for that is thrown away.
        """
        with self._lock:
            others = [other for other in self._members if other is not instead_of]
            if self._closed is not None or not self._has_room(others, silent=silent):
                return None
            if instead_of is not None:
                instead_of.wish = NOTHING  # a scan on its way to it finds nobody
                outbox.clear()
            for message in (*first, *([self._turn] if self._turn else [])):
                outbox.put(message)
            member = Member(outbox, silent=silent)
            self._change((*others, member))
            return member

    def leave(self, member: Member) -> None:
        """Forget a viewer; what only it wanted is captured no more."""
        with self._lock:
            self._change(other for other in self._members if other is not member)

    def subscribe(self, member: Member, wish: Subscription) -> None:
        """Replace a viewer's wish."""
        with self._lock:
            member.wish = wish
            member.outbox.expect(len(wish.sites))
            self._change(self._members)

    def tell(self, message: ServerMessage) -> None:
        """Announce a message to everybody."""
        for member in self._members:
            member.outbox.put(message)

    def begin(self, turn: TurnStart) -> None:
        """Announce a turn's start, also to those who join before its end."""
        with self._lock:
            self._turn = turn
            self.tell(turn)

    def end(self, turn: TurnEnd) -> None:
        """Announce a turn's end."""
        with self._lock:
            self._turn, self._ended = None, turn.turn
            self.tell(turn)

    def fail(self, start: TurnStart, reason: Notice, end: TurnEnd) -> None:
        """Announce that a turn failed, with what of it was not announced yet: its start, its end."""
        with self._lock:
            if self._ended >= end.turn:
                return
            begun, self._turn, self._ended = self._turn is not None, None, end.turn
            if not begun:
                self.tell(start)
            self.tell(reason)
            self.tell(end)

    def scan(self, scan: SharedScan) -> None:
        """Give a scan to the viewers that want it."""
        for member in self._routes.get(scan.event.site, ()):
            if member.wish.wants(scan):
                member.outbox.put_scan(scan)

    def close(self, reason: str) -> None:
        """Say goodbye to everybody; nobody gets in any more."""
        with self._lock:
            self._closed = reason
            for member in self._members:
                member.outbox.finish(Bye(reason=reason))

    def wish_of(self, subscribe: Subscribe) -> Subscription:
        """Return the wish that a message describes.

        Raises:
            SubscriptionError: The model has no such site or layer.
        """
        here = [site.name for site in self._card.sites]
        for site in subscribe.sites:
            if site not in here:
                known = ", ".join(here)
                raise SubscriptionError(f"this model has no site {site!r}, expected one of {known}")
        count = self._card.layers
        layers = range(count) if subscribe.layers is None else sorted(set(subscribe.layers))
        if layers and layers[-1] >= count:
            raise SubscriptionError(
                f"layer {layers[-1]} was asked for, the model has layers 0 to {count - 1}"
            )
        return Subscription(
            sites=frozenset(subscribe.sites),
            layers=tuple(layers),
            dtype=subscribe.dtype,
            every=subscribe.every,
            prompt=subscribe.prompt_tokens,
            stats=subscribe.stats,
        )

    def _has_room(self, others: list[Member], *, silent: bool) -> bool:
        """Make room for one more where that can be; the lock is held."""
        if len(others) < self._most:
            return True
        idle = next((member for member in others if member.silent), None)
        if idle is None or silent:
            return False
        others.remove(idle)
        idle.outbox.finish(FULL)
        return True

    def _change(self, members: Iterable[Member]) -> None:
        """Put new members and their wishes in force; the lock is held."""
        self._members = tuple(members)
        sites = sorted({site for member in self._members for site in member.wish.sites})
        self._routes = {site: tuple(m for m in self._members if site in m.wish.sites) for site in sites}
        self._capture(self._plan(sites))

    def _plan(self, sites: list[str]) -> CapturePlan:
        wanted = []
        for site in sites:
            layers = {layer for member in self._routes[site] for layer in member.wish.layers}
            if layers:
                wanted.append((site, tuple(sorted(layers))))
        prompt = any(member.wish.prompt for members in self._routes.values() for member in members)
        return CapturePlan(tuple(wanted), self._prompt_positions if prompt and wanted else 0)
