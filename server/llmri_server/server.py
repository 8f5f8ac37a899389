"""The whole server around one model."""

import secrets
import socket
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Self

from llmri_protocol.connection import ServerConnection
from llmri_protocol.messages import COMMANDS, Limits
from llmri_protocol.plain import PLAIN_CLIENT_KINDS
from llmri_server.broadcast.hub import Hub
from llmri_server.broadcast.outbox import Outbox
from llmri_server.edits import Journal
from llmri_server.network.access import bind, unavailable
from llmri_server.network.client import Client
from llmri_server.network.listener import Listener
from llmri_server.network.transport import Transport
from llmri_server.network.wrong_tokens import WrongTokens
from llmri_server.protection.starting import Search
from llmri_server.runtime import Runtime
from llmri_server.service.edit_service import EditService
from llmri_server.service.handlers import Handlers
from llmri_server.service.measurement_service import MeasurementService
from llmri_server.service.model_worker import ModelWorker
from llmri_server.service.protection_service import ProtectionService
from llmri_server.service.refusals import refusal
from llmri_server.service.subscriptions import Subscriptions
from llmri_server.service.turns import PendingTurn
from llmri_server.settings import Settings

GRACE = 0.6  # seconds for the model's thread to end, and again for the clients to leave: together under two


class Server:
    """Serves a runtime to viewers, and takes turns from Python too.

        with Server(runtime, Settings(port=0)) as server:
            print(server.address, server.chat("hello").reply())

    Args:
        runtime: The loaded model; the server's own thread is the only one to use it from now on.
        settings: Where to listen, how to sample, what limits hold.
        token: The access token, where there is one.
        tls: The TLS side, where there is one.
        place: The bound socket to listen on; without it the settings' address is taken.
        search: The search for protected units that is left to make, between turns.
        log: Writes a line to whoever runs the server.

    Attributes:
        failure: Why the server cannot go on, a sentence; None while it can.
        on_failure: Is called in whatever thread failed, after everybody was said goodbye to.

    Raises:
        ServeError: The address can't be had.
    """

    def __init__(
        self,
        runtime: Runtime,
        settings: Settings | None = None,
        *,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
        place: socket.socket | None = None,
        search: Search | None = None,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        settings = settings or Settings()
        self.settings = settings
        self.runtime = runtime
        self.failure: str | None = None
        self.on_failure: Callable[[], None] = _nothing
        self._token = token
        self._wrong_tokens = WrongTokens()
        place = place or bind(settings.host, settings.port, token)
        self.hub = Hub(runtime.card, runtime.capture, settings.prompt_positions, settings.max_clients)
        self.edits = EditService(
            runtime,
            self.hub,
            limits_of(settings),
            secrets.token_hex(8),
            allow_protected=settings.allow_protected,
        )
        self.worker = ModelWorker(
            runtime,
            self.hub,
            settings.sampling,
            settings.system,
            settings.queue_turns,
            announce_edits=self.edits.announce,
            failed=self.fail,
        )
        self.protection = ProtectionService(runtime, search or Search(), self.edits, self.hub, log=log)
        measurements = MeasurementService(runtime, self.worker.conversation, self.edits)
        self._subscriptions = Subscriptions(runtime.card, self.hub, self.edits, self.worker.stop_tasks)
        self._handlers = Handlers(self.worker.submit_task, refusal)
        self.edits.register(self._handlers)
        self.worker.register(self._handlers, self.stop)
        measurements.register(self._handlers)
        self._subscriptions.register(self._handlers)
        self._handlers.check((*COMMANDS, *PLAIN_CLIENT_KINDS))
        self._listener = Listener(
            place,
            self._client,
            tls,
            settings.max_clients,
            lambda why: self.fail(f"the thread that lets clients in ended by an error ({why})"),
        )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that clients connect to."""
        return self._listener.address

    @property
    def journal(self) -> Journal:
        """The edits that stand and their history, to be read; `edits` changes them."""
        return self.edits.journal

    def start(self) -> None:
        """Start the model's thread and let clients in.

        Raises:
            ServeError: Another process has taken the address meanwhile.
        """
        try:
            self._listener.start()
        except OSError as error:
            raise unavailable(self.settings.host, self.settings.port, error) from None
        self.worker.start(self.protection)

    def chat(self, text: str, *, new: bool = False) -> PendingTurn:
        """Queue a turn; `new` forgets the conversation so far.

        Raises:
            TooManyTurnsError: The queue is full.
            ClosedError: The server was closed.
        """
        return self.worker.submit(text, new=new)

    def fail(self, why: str) -> None:
        """Take note that the server cannot go on, and say goodbye to everybody; `close` ends the rest."""
        self.failure = self.failure or why
        try:
            self.hub.close(f"the server failed: {why}")
        finally:
            self.on_failure()

    def stop(self) -> bool:
        """End the reply of whoever is answered, or else the search for protected units; is there either?"""
        return self.worker.stop() or self.protection.stop()

    def close(self, reason: str = "the server was stopped") -> bool:
        """Say goodbye and end; give whether the model's thread has ended too."""
        self._listener.stop_accepting()
        self.hub.close(reason)
        ended = self.worker.close(GRACE)
        self._listener.close(GRACE)
        return ended

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _client(self, number: int, address: str, transport: Transport) -> Client:
        connection = ServerConnection(
            self.settings.client_frame, access_token=self._token, send_limit=self.settings.server_frame
        )
        return Client(
            number,
            address,
            transport,
            connection=connection,
            outbox=Outbox(self.settings.outbox),
            subscriptions=self._subscriptions,
            handlers=self._handlers,
            wrong_tokens=self._wrong_tokens,
        )


def _nothing() -> None:
    pass


def limits_of(settings: Settings) -> Limits:
    """Return the limits that clients are told."""
    return Limits(
        client_frame=settings.client_frame,
        server_frame=settings.server_frame,
        queue=settings.queue_scans,
        prompt_positions=settings.prompt_positions,
    )
