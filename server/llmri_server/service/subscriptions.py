"""Who is let in, and which scans it gets."""

import time
from collections.abc import Callable
from typing import Protocol

from llmri_protocol.messages import ModelCard, Ping, Subscribe
from llmri_protocol.plain import PlainPing, Pong
from llmri_server.broadcast.hub import Hub, Member, Subscription
from llmri_server.broadcast.outbox import Outbox
from llmri_server.service.handlers import Caller, Handlers


class Greeter(Protocol):
    """Who welcomes native clients: the edits' service, or what plays messages."""

    def join(self, outbox: Outbox, instead_of: Member | None = None) -> Member | None:
        """Let a viewer in, with `welcome` first; None where the hub is full."""
        ...


class Subscriptions:
    """Lets clients in and out of the hub, and carries out what they say of themselves.

    Args:
        card: The model.
        hub: The viewers.
        greeter: Welcomes native clients.
        left: Is called with the outbox of a client that left.
    """

    def __init__(self, card: ModelCard, hub: Hub, greeter: Greeter, left: Callable[[Outbox], None]) -> None:
        self._card = card
        self._hub = hub
        self._greeter = greeter
        self._left = left

    def register(self, handlers: Handlers) -> None:
        """Handle the commands that change nothing but what a client itself gets."""
        handlers.add(Subscribe, self._subscribe)
        handlers.add(Ping, _pong)
        handlers.add(PlainPing, _plain_pong)

    def join(self, outbox: Outbox, instead_of: Member | None = None) -> Member | None:
        """Let a native client in, instead of the plain one that it was taken for; None where it is full."""
        return self._greeter.join(outbox, instead_of)

    def join_plain(self, outbox: Outbox, *, silent: bool) -> Member | None:
        """Let a plain client in, which gets all layers of the default site; None where the server is full.

        One that is `silent` gives way to who speaks, where the server is full.
        """
        member = self._hub.join(outbox, silent=silent)
        if member is not None:
            site = frozenset({self._card.default_site})
            layers = tuple(range(self._card.layers))
            self._hub.subscribe(member, Subscription(site, layers, dtype="f32", stats=True))
        return member

    def leave(self, member: Member) -> None:
        """Let a client go; its edits stay, its measurements end."""
        self._hub.leave(member)
        self._left(member.outbox)

    def _subscribe(self, caller: Caller, command: Subscribe) -> None:
        self._hub.subscribe(caller.member, self._hub.wish_of(command))


def _pong(caller: Caller, command: Ping) -> None:
    """Do nothing: the `reply` says all."""


def _plain_pong(caller: Caller, command: PlainPing) -> Pong:  # noqa: ARG001 - a handler
    return Pong(timestamp=time.time())
