"""Messages from elsewhere as what a server serves, such as a recording's: nothing runs here."""

import secrets
import threading
from collections.abc import Callable

import msgspec
import numpy as np

from llmri_protocol.arrays import STORAGE, array_of
from llmri_protocol.messages import (
    PROTOCOL_VERSION,
    Answer,
    Bye,
    Card,
    Edits,
    Message,
    ModelCard,
    Scan,
    ServerMessage,
    TurnEnd,
    TurnStart,
    Welcome,
    type_of,
)
from llmri_server.broadcast.hub import Hub, Member
from llmri_server.broadcast.outbox import Outbox
from llmri_server.broadcast.shared_scans import SharedScan
from llmri_server.runtime import ScanEvent, UnsupportedError
from llmri_server.service.client_tasks import ClientTask
from llmri_server.service.handlers import Caller, Handlers
from llmri_server.service.refusals import refusal
from llmri_server.service.subscriptions import Subscriptions
from llmri_server.settings import Settings

NOTHING_RUNS = ModelCard(
    name="nothing",
    runtime="none",
    family="none",
    layers=0,
    hidden_size=0,
    heads=0,
    vocabulary=0,
    context=0,
    dtype="f32",
    device="none",
    chat=False,
    sites=(),
)
NO_MODEL = "this server runs no model"


class MessageSource:
    """Tells clients what it is given to `tell`, each the scans that it asked for; refuses what needs a model.

    Args:
        settings: What limits hold.
        card: The model that the messages come from; by default it says that nothing runs.
        register: Puts handlers of its own into the table, such as what a recording's player answers.
    """

    def __init__(
        self,
        settings: Settings,
        card: ModelCard = NOTHING_RUNS,
        register: Callable[[Handlers], None] = lambda _: None,
    ) -> None:
        self.hub = Hub(card, lambda _: None, settings.prompt_positions, settings.max_clients)
        self.subscriptions = Subscriptions(card, self.hub, self, lambda _: None)
        self.handlers = Handlers(_no_task, refusal, _refuse)
        register(self.handlers)
        self.subscriptions.register(self.handlers)
        self._telling = threading.Lock()  # nobody joins between edits and the welcome that has them
        self._welcome = Welcome(
            protocol=PROTOCOL_VERSION,
            session=secrets.token_hex(8),
            card=card,
            edits=(),
            limits=settings.limits,
            answers=self.handlers.answered(),
        )

    def tell(self, message: ServerMessage) -> None:
        """Announce a message, from any thread, to all that want it.

        Raises:
            ValueError: It is one that a server says to one client alone.
        """
        match message:
            case Welcome() | Bye() | Answer():
                raise ValueError(f"`{type_of(type(message))}` is said to one client, and not broadcast")
            case TurnStart():
                self.hub.begin(message)
            case TurnEnd():
                self.hub.end(message)
            case Scan():
                self.hub.scan(_shared(message))
            case Edits():
                self._become(
                    message,
                    edits=message.edits,
                    edit_set=message.name,
                    stale_cache=message.stale_cache,
                    revision=message.revision,
                )
            case Card(card=card):
                self._become(message, card=card)
            case _:
                self.hub.tell(message)

    def join(self, outbox: Outbox, instead_of: Member | None = None) -> Member | None:
        """Let a viewer in, welcomed with the edits and the card told last; None where the hub is full."""
        with self._telling:
            return self.hub.join(outbox, self._welcome, instead_of=instead_of)

    def start(self, failed: Callable[[str], None]) -> None:
        """Do nothing: who tells the messages begins."""

    def stop(self) -> bool:
        """Say that nothing goes on."""
        return False

    def close(self, grace: float) -> bool:  # noqa: ARG002 - a source's
        """Say that nothing is left to end."""
        return True

    def _become(self, message: ServerMessage, **fields: object) -> None:
        """Announce what newcomers are welcomed with from now on."""
        with self._telling:
            self._welcome = msgspec.structs.replace(self._welcome, **fields)
            self.hub.tell(message)


def _shared(scan: Scan) -> SharedScan:
    return SharedScan(scan.turn, scan.time, _event(scan), revision=scan.revision, recomputed=scan.recomputed)


def _event(scan: Scan) -> ScanEvent:
    """Return a scan as a runtime reports it; what was quantised stays as near as it came."""
    quantised = scan.dtype == "u8"
    stored = np.frombuffer(scan.data, STORAGE[scan.dtype])
    return ScanEvent(
        number=scan.token,
        phase=scan.phase,
        site=scan.site,
        layers=scan.layers,
        dtype="f32" if quantised else scan.dtype,
        rows=array_of(scan) if quantised else stored.reshape(scan.shape),
    )


def _refuse(caller: Caller, command: Message) -> None:  # noqa: ARG001 - a handler
    raise UnsupportedError(f"{NO_MODEL}, so it cannot answer `{type_of(type(command))}`")


def _no_task(task: ClientTask) -> None:  # noqa: ARG001 - what `Handlers` takes
    raise UnsupportedError(NO_MODEL)
