"""A client that writes every body it gets to a file."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from llmri_client.channel import Channel
from llmri_client.errors import ConnectionEndedError
from llmri_client.sessions.writer import SessionWriter
from llmri_protocol.fields import PROTOCOL_VERSION
from llmri_protocol.messages import (
    Bye,
    ModelCard,
    Notice,
    Role,
    Scan,
    ServerMessage,
    Subscribe,
    Token,
    TurnStart,
    WishedDtype,
)


class RecordingError(Exception):
    """What was asked for cannot be recorded; the message is one sentence."""


@dataclass(frozen=True)
class Wanted:
    """What of a model's scans is recorded.

    Attributes:
        sites: Their names; none takes all that the model has.
        layers: None takes all.
        dtype: As it is sent.
        every: Every n-th token only.
    """

    sites: tuple[str, ...] = ()
    layers: tuple[int, ...] | None = None
    dtype: WishedDtype = "native"
    every: int = 1

    def subscription(self, card: ModelCard, number: int) -> Subscribe:
        """Return the command with this id that asks for it.

        Raises:
            RecordingError: The model has no such site.
        """
        here = tuple(site.name for site in card.sites)
        missing = [site for site in self.sites if site not in here]
        if missing:
            raise RecordingError(f"this model has no site {missing[0]!r}, expected one of {', '.join(here)}")
        return Subscribe(
            id=number, sites=self.sites or here, layers=self.layers, dtype=self.dtype, every=self.every
        )


@dataclass
class Tally:
    """What was written so far; `dropped` are scans that the server dropped, because this client was slow."""

    turns: int = 0
    tokens: int = 0
    scans: int = 0
    dropped: int = 0
    last: str = "nothing yet"

    def add(self, message: ServerMessage) -> None:
        """Count a message."""
        match message:
            case TurnStart():
                self.turns += 1
            case Token():
                self.tokens += 1
            case Scan():
                self.scans += 1
            case Notice() if message.dropped:
                self.dropped = message.dropped
            case _:
                pass


class Recorder(Channel):
    """One connection of which everything is kept, from `welcome` on; until `record` in memory."""

    def record(self, path: Path, wanted: Wanted, told: Callable[[Tally, int], None], *, force: bool) -> str:
        """Write until the server ends the connection; give its reason.

        Args:
            path: The file.
            wanted: Which scans.
            told: Called after each message with what was written, and the file's bytes.
            force: Replace a file that is there.

        Raises:
            OSError: The file can't be written, or is there (FileExistsError).
            RecordingError: The model has not what is wanted.
            RefusedError: The server refuses it.
        """
        subscribe = wanted.subscription(self.welcome.card, self._next_id())
        tally = Tally()
        with SessionWriter(path, PROTOCOL_VERSION, f"llmri {version('llmri')}", force=force) as writer:
            for body in self._early:
                writer.append([body], time.time())
            self._early.clear()
            self._arrivals.connection.tap = lambda body: _write(writer, body)
            self._stream.settimeout(None)  # a recorder waits for as long as nobody says anything
            self._ask(subscribe)
            return self._written(tally, lambda: told(tally, writer.written))

    def _written(self, tally: Tally, told: Callable[[], None]) -> str:
        try:
            for message in self:
                tally.add(message)
                told()
                if isinstance(message, Bye):
                    return message.reason
        except ConnectionEndedError as error:
            return str(error)
        return "the server said goodbye"

    def _greet(self, client: str, role: Role, token: str | None) -> None:
        self._early: list[bytes] = []
        self._arrivals.connection.tap = lambda body: self._early.append(bytes(body))
        super()._greet(client, role, token)


def _write(writer: SessionWriter, body: memoryview) -> None:
    writer.append([body], time.time())
