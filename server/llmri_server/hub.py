"""Where everything that happens is announced, and every viewer gets what it asked for."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from llmri_protocol.messages import (
    Bye,
    ModelCard,
    ServerMessage,
    Subscribe,
    TurnEnd,
    TurnStart,
    WishedDtype,
)
from llmri_server.outbox import Outbox
from llmri_server.runtime import CapturePlan
from llmri_server.scans import SharedScan


class SubscriptionError(ValueError):
    """A viewer asked for a site or a layer that the model has not; the message names both."""


@dataclass(frozen=True)
class Wish:
    """What one viewer wants of every scan: `sites` names the sites, `layers` are ascending."""

    sites: frozenset[str]
    layers: tuple[int, ...]
    dtype: WishedDtype = "native"
    every: int = 1
    prompt: bool = True

    def wants(self, scan: SharedScan) -> bool:
        """Say whether a scan of a wanted site is one of the wanted tokens."""
        event = scan.event
        return event.number % self.every == 0 and (self.prompt or event.phase == "generate")


NOTHING = Wish(frozenset(), ())


class Member:
    """A viewer in the hub: its outbox and its wish."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.wish = NOTHING


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

    def __len__(self) -> int:
        return len(self._members)

    def join(self, outbox: Outbox, *first: ServerMessage) -> Member | None:
        """Let a viewer in, which gets the `first` messages before any other; None where the hub is full.

        In the middle of a turn the turn's start comes next.
        """
        with self._lock:
            if len(self._members) >= self._most or self._closed is not None:
                return None
            for message in (*first, *([self._turn] if self._turn else [])):
                outbox.put(message)
            member = Member(outbox)
            self._change((*self._members, member))
            return member

    def leave(self, member: Member) -> None:
        """Forget a viewer; what only it wanted is captured no more."""
        with self._lock:
            self._change(other for other in self._members if other is not member)

    def subscribe(self, member: Member, wish: Wish) -> None:
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
            self._turn = None
            self.tell(turn)

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

    def wish_of(self, subscribe: Subscribe) -> Wish:
        """Give the wish that a message describes.

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
        return Wish(
            sites=frozenset(subscribe.sites),
            layers=tuple(layers),
            dtype=subscribe.dtype,
            every=subscribe.every,
            prompt=subscribe.prompt_tokens,
        )

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
