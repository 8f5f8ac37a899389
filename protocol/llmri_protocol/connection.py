"""A connection without its socket: bytes in, messages out; messages in, buffers out.

The shell around it is four lines:

    while count := sock.recv_into(connection.buffer()):
        for event in connection.advance(count):
            handle(event)
    sock.sendmsg(connection.send(message))

An event is a message, or a `RemoteProtocolError` where the peer broke a rule, in the order of arrival:
a value, not raised, so that the messages around it are not lost. A server answers it with
`send(error.answer())`; after a fatal one, which is the last event, it closes. What still arrives then is
read and thrown away, so that a shell may drain the socket before it closes (bytes left unread would make
TCP reset the connection, and the peer lose the error that explains it).

One thread may receive while another sends.
"""

import hmac
from collections.abc import Callable

import msgspec

from llmri_protocol.codec import announced_version, encode
from llmri_protocol.endpoint import Endpoint
from llmri_protocol.errors import LocalProtocolError, RemoteProtocolError
from llmri_protocol.fields import State
from llmri_protocol.frames import CLIENT_LIMIT, SERVER_LIMIT, Buffer
from llmri_protocol.growth import read_command, read_report
from llmri_protocol.messages import (
    PROTOCOL_VERSION,
    ClientMessage,
    Command,
    Error,
    Hello,
    Reply,
    Role,
    Sender,
    ServerMessage,
    Welcome,
    type_of,
)
from llmri_protocol.plain import (
    FIRST_BYTE,
    PlainClientMessage,
    PlainServerMessage,
    decode_plain,
    encode_plain,
    plain_error,
)
from llmri_protocol.states import ROLES

MOST_UNANSWERED = 1024  # commands whose unknown fields are kept until they are answered
MOST_KINDS = 256  # kinds of unknown things that are counted

FromClient = ClientMessage | PlainClientMessage | RemoteProtocolError
FromServer = ServerMessage | RemoteProtocolError


class ServerConnection(Endpoint[ClientMessage | PlainClientMessage]):
    """The server's end of one connection.

    Args:
        limit: Longest body a client may send, in bytes; a security limit.
        access_token: What `hello` must carry, or None where anybody may come in. With a token the plain
            dialect is refused, because it has nowhere to put one.
        send_limit: Longest body to send, in bytes.
    """

    side: Sender = "server"
    after_fatal: State = "closing"

    def __init__(
        self, limit: int = CLIENT_LIMIT, *, access_token: str | None = None, send_limit: int = SERVER_LIMIT
    ) -> None:
        super().__init__(limit, "undecided")
        self._access_token = access_token
        self._send_limit = send_limit
        self._assumed = False  # whether it is plain only because it was silent, and still is
        self._skipped: dict[int, tuple[str, ...]] = {}  # unknown fields, by the command's id

    @property
    def guarded(self) -> bool:
        """Whether `hello` must carry an access token."""
        return self._access_token is not None

    def assume_plain(self) -> bool:
        """Take a client that has been silent for `plain.SILENCE` seconds for a plain one.

        Gives False and changes nothing where bytes have come, or where a token is asked for: there
        a silent client can only be a slow native one. A `hello` that is its first body wins all the same,
        however late: the connection is native from then on, and `welcome` is what is sent next.
        """
        if (
            self.dialect != "undecided"
            or self.ended
            or not self._frames.idle
            or self._access_token is not None
        ):
            return False
        self._assumed = True
        self._open_plain()
        return True

    def send(self, message: ServerMessage | PlainServerMessage) -> list[Buffer]:
        """Return the buffers to send for a message: none for one that the plain dialect has no word for.

        Raises:
            LocalProtocolError: It may not be sent in this state, cannot be encoded, or is too long.
        """
        self._check_outgoing(message)
        if self._skipped and isinstance(message, Reply | Error) and message.id is not None:
            skipped = self._skipped.pop(message.id, ())
            if isinstance(message, Reply):
                message = msgspec.structs.replace(message, skipped=skipped)
        encoder = encode_plain if self.dialect == "plain" else encode
        buffers = encoder(message, self._send_limit)
        self._follow(message)
        return buffers

    def _receive(self, body: memoryview) -> ClientMessage | PlainClientMessage:
        if self.dialect == "undecided":
            self._decide(body)
        if self.dialect == "plain":
            return self._receive_plain(body)
        if self.state == "hello":
            return self._greeted(body)
        message, skipped = read_command(body)
        self._check_incoming(message, "client")
        if self.role is not None and type(message) not in ROLES[self.role]:
            raise RemoteProtocolError(
                "not_allowed",
                f"a {self.role} may not send `{type_of(message)}`; connect as a controller to chat and edit",
                id=getattr(message, "id", None),
            )
        if skipped and isinstance(message, Command):
            self._skip(message.id, skipped)
        return message

    def _skip(self, command: int, names: tuple[str, ...]) -> None:
        """Keep the names of a command's unknown fields for its reply."""
        if len(self._skipped) >= MOST_UNANSWERED:
            self._skipped.pop(next(iter(self._skipped)))
        self._skipped[command] = names

    def _decide(self, body: memoryview) -> None:
        if not len(body) or body[0] != FIRST_BYTE:
            self.dialect = "native"
            return
        self._open_plain()
        if self._access_token is not None:
            raise RemoteProtocolError(
                "token_required",
                "this server asks for an access token, which the plain dialect has no place for; "
                "begin with a native `hello`",
                fatal=True,
            )

    def _open_plain(self) -> None:
        self.dialect, self.state, self.role = "plain", "open", "controller"

    def _receive_plain(self, body: memoryview) -> PlainClientMessage | Hello:
        silent, self._assumed = self._assumed, False
        if silent and len(body) and body[0] != FIRST_BYTE and announced_version(body) is not None:
            self.dialect, self.state, self.role = "native", "hello", None
            return self._greeted(body)
        return decode_plain(body)

    def _greeted(self, body: memoryview) -> Hello:
        """Return the `hello` that opens the connection; whatever is wrong with it ends the connection."""
        version = announced_version(body)
        if version not in {None, PROTOCOL_VERSION}:
            raise _other_version("client", version)
        try:
            message, _ = read_command(body)
        except RemoteProtocolError as error:
            raise RemoteProtocolError(error.code, error.message, fatal=True, id=error.id) from None
        if not isinstance(message, Hello):
            raise RemoteProtocolError(
                "hello_expected",
                f"`{type_of(message)}` came first, expected `hello`",
                fatal=True,
                id=getattr(message, "id", None),
            )
        if self._access_token is not None and not token_matches(self._access_token, message.token):
            wrong = "missing" if message.token is None else "wrong"
            raise RemoteProtocolError("bad_token", f"the access token is {wrong}", fatal=True)
        self.role = message.role
        self._follow(message)
        return message


class ClientConnection(Endpoint[ServerMessage]):
    """The client's end of one connection, in the native dialect.

    Args:
        limit: Longest body the server may send, in bytes; a security limit.

    Attributes:
        tap: Called with every body that is a message, known or not, before it is taken.
        welcome: What the server said of itself, once it has.
        skipped: How often it said something that this end does not know, by what it was in words: messages,
            values and edits of a later server of the same version. Fields that are not known are not counted.
    """

    side: Sender = "client"
    after_fatal: State = "closed"

    def __init__(self, limit: int = SERVER_LIMIT) -> None:
        super().__init__(limit, "native")
        self.welcome: Welcome | None = None
        self.tap: Callable[[memoryview], None] | None = None
        self.skipped: dict[str, int] = {}
        self._send_limit = CLIENT_LIMIT

    def hello(self, client: str, role: Role = "viewer", token: str | None = None) -> list[Buffer]:
        """Return the buffers of the first frame.

        Args:
            client: Who calls, such as `llmri view 0.1.0`.
            role: Whether only to look, or also to chat and edit.
            token: The server's access token, where it has one.

        Raises:
            LocalProtocolError: It was said before.
        """
        return self.send(Hello(protocol=PROTOCOL_VERSION, client=client, role=role, token=token))

    def send(self, message: ClientMessage) -> list[Buffer]:
        """Return the buffers to send for a message.

        Raises:
            LocalProtocolError: It may not be sent in this state or role, cannot be encoded, or is longer
                than the server takes.
        """
        self._check_outgoing(message)
        if self.role is not None and type(message) not in ROLES[self.role]:
            raise LocalProtocolError(f"a {self.role} may not send `{type_of(message)}`, only a controller")
        buffers = encode(message, self._send_limit)
        if isinstance(message, Hello):
            self.role = message.role
        self._follow(message)
        return buffers

    def _receive(self, body: memoryview) -> ServerMessage | None:
        if self.welcome is None and len(body) and body[0] == FIRST_BYTE:
            return self._passed(body)
        if self.welcome is None:
            self._check_version(body)
        try:
            message, skipped = read_report(body)
        except RemoteProtocolError as error:
            error.fatal = self.welcome is None  # without the model's card nothing else makes sense
            raise
        if skipped:
            self._count(skipped)
        if self.tap is not None:
            self.tap(body)
        if message is None:
            return None
        self._check_incoming(message, "server")
        if isinstance(message, Welcome):
            self._welcomed(message)
        self._follow(message)
        return message

    def _count(self, skipped: tuple[str, ...]) -> None:
        for what in skipped:
            if what in self.skipped or len(self.skipped) < MOST_KINDS:
                self.skipped[what] = self.skipped.get(what, 0) + 1

    def _passed(self, body: memoryview) -> Error | None:
        """Pass over what was sent while the server took this for a silent plain client; give a refusal."""
        refused = plain_error(body)
        if refused is not None:
            self._follow(refused)
        return refused

    def _check_version(self, body: memoryview) -> None:
        """Check the version of a `welcome`, whatever else is in it."""
        version = announced_version(body, "welcome")
        if version not in {None, PROTOCOL_VERSION}:
            raise _other_version("server", version)

    def _welcomed(self, message: Welcome) -> None:
        self.welcome = message
        self._send_limit = message.limits.client_frame


def token_matches(expected: str, given: str | None) -> bool:
    """Compare access tokens in a time that does not tell how much of them agrees."""
    return hmac.compare_digest(expected.encode(errors="surrogatepass"), (given or "").encode())


def _other_version(peer: Sender, version: int | None) -> RemoteProtocolError:
    message = (
        f"the {peer} speaks protocol {version}, this end speaks {PROTOCOL_VERSION}; update the older one"
    )
    return RemoteProtocolError("version", message, fatal=True)
