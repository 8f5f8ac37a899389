"""The whole server: what it serves, and where clients come in."""

import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from llmri_protocol.connection import ServerConnection
from llmri_server.broadcast.hub import Hub
from llmri_server.broadcast.outbox import Outbox
from llmri_server.edits import Journal
from llmri_server.network.access import ServeError
from llmri_server.network.admission import Admission
from llmri_server.network.client import Client
from llmri_server.network.listener import Listener
from llmri_server.network.tcp import TcpListener
from llmri_server.network.transport import Transport
from llmri_server.network.unix import UnixListener
from llmri_server.network.wrong_tokens import WrongTokens
from llmri_server.protection.starting import Search
from llmri_server.runtime import Runtime, UnsupportedError
from llmri_server.service.edit_service import EditService
from llmri_server.service.message_source import NO_MODEL, MessageSource
from llmri_server.service.model_source import ModelSource
from llmri_server.service.model_worker import ModelWorker
from llmri_server.service.protection_service import ProtectionService
from llmri_server.service.source import Source
from llmri_server.service.turns import PendingTurn
from llmri_server.settings import Settings

GRACE = 0.6  # seconds for the model's thread to end, and again for the clients to leave: together under two


class Server:
    """Serves a runtime to viewers, and takes turns from Python too.

        with Server(runtime, Settings(port=0)) as server:
            print(server.address, server.chat("hello").reply())

    Without a runtime it serves a `source`: messages that come from elsewhere, or nothing.

    Args:
        runtime: The loaded model; the server's own thread is the only one to use it from now on.
        settings: Where to listen, how to sample, what limits hold.
        source: What is served where there is no runtime; by default nothing, and the model card says so.
        listeners: Where clients come in; by default where the settings say.
        token: The access token, where there is one.
        tls: The TLS side of the settings' TCP address, where there is one.
        search: The search for protected units that is left to make, between turns.
        log: Writes a line to whoever runs the server.

    Attributes:
        source: What is served.
        failure: Why the server cannot go on, a sentence; None while it can.
        on_failure: Is called in whatever thread failed, after everybody was said goodbye to.

    Raises:
        ServeError: An address can't be had.
        ValueError: There are both a runtime and a source.
    """

    def __init__(
        self,
        runtime: Runtime | None,
        settings: Settings | None = None,
        *,
        source: Source | None = None,
        listeners: Sequence[Listener] = (),
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
        search: Search | None = None,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        if runtime is not None and source is not None:
            raise ValueError("a server serves a runtime or a source, and was given both")
        settings = settings or Settings()
        self.settings = settings
        self.failure: str | None = None
        self.on_failure: Callable[[], None] = _nothing
        self._token = token
        self._wrong_tokens = WrongTokens()
        listeners = listeners or listeners_of(settings, token, tls)
        self._model = None if runtime is None else ModelSource(runtime, settings, search or Search(), log)
        self.source: Source = source or self._model or MessageSource(settings)
        self._admission = Admission(
            listeners,
            self._client,
            settings.max_clients,
            lambda why: self.fail(f"the thread that lets clients in ended by an error ({why})"),
        )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that clients connect to.

        Raises:
            LookupError: The server listens on no TCP port.
        """
        for listener in self._admission.listeners:
            if isinstance(listener, TcpListener):
                return listener.place
        raise LookupError(f"this server listens on no TCP port, but on {', '.join(self.addresses)}")

    @property
    def addresses(self) -> tuple[str, ...]:
        """All that clients may write to come in, such as `HOST:PORT` and `unix:/run/llmri.sock`."""
        return tuple(listener.address for listener in self._admission.listeners)

    @property
    def hub(self) -> Hub:
        """Where everything is announced."""
        return self.source.hub

    @property
    def runtime(self) -> Runtime:
        """The model."""
        return self._running.runtime

    @property
    def edits(self) -> EditService:
        """Changes the edits."""
        return self._running.edits

    @property
    def worker(self) -> ModelWorker:
        """Takes turns."""
        return self._running.worker

    @property
    def protection(self) -> ProtectionService:
        """Looks for protected units."""
        return self._running.protection

    @property
    def journal(self) -> Journal:
        """The edits that stand and their history, to be read; `edits` changes them."""
        return self.edits.journal

    @property
    def _running(self) -> ModelSource:
        """What serves the model.

        Raises:
            UnsupportedError: There is none.
        """
        if self._model is None:
            raise UnsupportedError(NO_MODEL)
        return self._model

    def start(self) -> None:
        """Start what is served and let clients in.

        Raises:
            ServeError: Another process has taken an address meanwhile.
        """
        try:
            self._admission.start()
        except ServeError:
            self._admission.stop_accepting()
            raise
        self.source.start(self.fail)

    def chat(self, text: str, *, new: bool = False) -> PendingTurn:
        """Queue a turn; `new` forgets the conversation so far.

        Raises:
            TooManyTurnsError: The queue is full.
            ClosedError: The server was closed.
            UnsupportedError: It runs no model.
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
        return self.source.stop()

    def close(self, reason: str = "the server was stopped") -> bool:
        """Say goodbye and end; give whether what is served has ended too."""
        self._admission.stop_accepting()
        self.hub.close(reason)
        ended = self.source.close(GRACE)
        self._admission.close(GRACE)
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
            subscriptions=self.source.subscriptions,
            handlers=self.source.handlers,
            wrong_tokens=self._wrong_tokens,
        )


def _nothing() -> None:
    pass


def listeners_of(settings: Settings, token: str | None, tls: ssl.SSLContext | None) -> tuple[Listener, ...]:
    """Return the listeners that the settings ask for.

    Raises:
        ServeError: One of them can't be had.
    """
    unix = [UnixListener(Path(settings.unix).expanduser())] if settings.unix else []
    return (TcpListener(settings.host, settings.port, token, tls), *unix)
