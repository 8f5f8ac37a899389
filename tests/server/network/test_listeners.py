"""A server with several listeners, and clients of every kind that come in through each."""

import asyncio
import socket
import stat
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from queue import SimpleQueue

import pytest
from typer.testing import CliRunner

import llmri
from llmri.edits.command import app as edits
from llmri_client import Address, Channel, Link, LinkStatus, ServerLink
from llmri_client.async_channel import AsyncChannel
from llmri_client.options import Credentials
from llmri_client.reaching import UnreachableError, reach
from llmri_client.tls import trusting
from llmri_protocol.addresses import AddressError
from llmri_protocol.messages import Token, TurnEnd, TurnStart, Welcome
from llmri_server import ServeError, Server, Settings
from llmri_server.cli.console import announce
from llmri_server.network.access import tls_context
from llmri_server.network.listener import Listener
from llmri_server.network.tcp import TcpListener
from llmri_server.network.transport import ClearTransport, Transport
from llmri_server.network.unix import UnixListener
from tests.server.fakes import PATIENCE, FakeRuntime

NOBODY = Settings(port=0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "llmri.sock"


@pytest.fixture
def server(path: Path) -> Iterator[Server]:
    with Server(FakeRuntime(), Settings(port=0, unix=str(path))) as running:
        yield running


def blocking(address: Address) -> str:
    with Channel.open(address, timeout=PATIENCE) as channel:
        return channel.welcome.card.name


def awaited(address: Address) -> str:
    async def visit() -> str:
        async with await AsyncChannel.open(address, timeout=PATIENCE) as channel:
            return channel.welcome.card.name

    return asyncio.run(visit())


def linked(address: Address) -> str:
    link = ServerLink(address, "test", retry=None)
    link.start()
    try:
        while not isinstance(event := link.inbox.get(timeout=PATIENCE), Welcome):
            assert isinstance(event, LinkStatus)
            assert event.link is not Link.REFUSED, event.sentence
        return event.card.name
    finally:
        link.stop()


@pytest.mark.parametrize("visit", [blocking, awaited, linked])
def test_every_kind_of_client_comes_in_by_either_way(server: Server, visit: Callable[[Address], str]) -> None:
    assert [address.partition(":")[0] for address in server.addresses] == ["127.0.0.1", "unix"]
    for address in server.addresses:
        assert visit(Address.parse(address)) == "fake"


def test_clients_of_all_listeners_hear_the_same(server: Server) -> None:
    tcp, unix = (llmri.connect(address, timeout=PATIENCE) for address in server.addresses)
    with tcp, unix:
        assert unix.chat("hello").text == "one two three"
        heard = list(takewhile(lambda message: not isinstance(message, TurnEnd), tcp))
    assert [type(message) for message in heard] == [TurnStart] + 5 * [Token]


def test_several_listeners_share_the_room_of_one_server(path: Path, certificate: tuple[Path, Path]) -> None:
    listeners: list[Listener] = [
        TcpListener("127.0.0.1", 0),
        TcpListener("localhost", 0, tls=tls_context(*certificate)),
        UnixListener(path),
    ]
    settings = Settings(max_clients=2)
    with Server(FakeRuntime(), settings, listeners=listeners) as server:
        clear, secret, unix = server.addresses
        named, trust = secret.replace("127.0.0.1", "localhost"), trusting(certificate[0])
        with (
            llmri.connect(clear, timeout=PATIENCE),
            llmri.connect(named, tls=trust, timeout=PATIENCE),
            pytest.raises(llmri.RefusedError, match="as many clients as it takes"),
        ):
            llmri.connect(unix, timeout=PATIENCE)


def test_a_server_may_listen_on_a_unix_socket_alone(path: Path) -> None:
    with Server(FakeRuntime(), NOBODY, listeners=[UnixListener(path)]) as server:
        assert server.addresses == (f"unix:{path}",)
        with pytest.raises(LookupError, match=f"listens on no TCP port, but on unix:{path}"):
            _ = server.address


def test_every_place_is_announced_the_port_first(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    announce(server)
    tcp, unix = server.addresses
    assert capsys.readouterr().out == f"LLMRI listening on {tcp}\nLLMRI listening on {unix}\n"


def test_the_socket_is_its_owners_alone_is_there_while_it_listens_and_gone_at_the_end(path: Path) -> None:
    server = Server(FakeRuntime(), NOBODY, listeners=[UnixListener(path)])
    assert not path.exists()
    with server:
        mode = path.lstat().st_mode
        assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o600)
        assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert list(path.parent.iterdir()) == []


def test_the_token_is_asked_for_on_every_listener(path: Path) -> None:
    with Server(FakeRuntime(), Settings(port=0, unix=str(path)), token="a long token") as server:
        for address in server.addresses:
            with pytest.raises(llmri.RefusedError):
                llmri.connect(address, timeout=PATIENCE)
            llmri.connect(address, token="a long token", timeout=PATIENCE).close()


class Pairs:
    """A listener that is all of a new one: clients in the server's own process, over pairs of sockets."""

    address = "in this process"

    def __init__(self) -> None:
        self._waiting: SimpleQueue[socket.socket | None] = SimpleQueue()

    def connect(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        self._waiting.put(theirs)
        ours.settimeout(PATIENCE)
        return ours

    def listen(self) -> None: ...

    def accept(self) -> tuple[socket.socket, str]:
        connection = self._waiting.get()
        if connection is None:
            raise OSError("woken")
        return connection, "here"

    def transport(self, connection: socket.socket) -> Transport:
        return ClearTransport(connection)

    def wake(self) -> None:
        self._waiting.put(None)

    def close(self) -> None: ...


def test_a_listener_costs_one_class(path: Path) -> None:
    pairs = Pairs()
    with (
        Server(FakeRuntime(), Settings(port=0), listeners=[pairs, UnixListener(path)]) as server,
        Channel(pairs.connect(), "controller", None, timeout=PATIENCE) as inside,
        Channel.open(Address.parse(f"unix:{path}"), timeout=PATIENCE) as outside,
    ):
        assert server.addresses[0] == "in this process"
        server.chat("hello").reply(PATIENCE)
        for client in (inside, outside):
            assert any(isinstance(message, TurnEnd) for message in client)


def dead(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))


def test_the_socket_of_a_dead_server_is_replaced(path: Path) -> None:
    dead(path)
    with Server(FakeRuntime(), Settings(port=0, unix=str(path))) as server:
        assert blocking(Address.parse(server.addresses[1])) == "fake"


def test_that_of_a_living_one_is_refused_in_a_sentence_and_stays(server: Server, path: Path) -> None:
    with pytest.raises(ServeError, match=f"a server listens on {path} already; end it, or name another file"):
        UnixListener(path)
    assert blocking(Address.parse(f"unix:{path}")) == "fake"


def test_of_two_that_start_at_once_the_second_is_refused_and_leaves_the_firsts_alone(path: Path) -> None:
    first, second = (Server(FakeRuntime(), Settings(port=0, unix=str(path))) for _ in range(2))
    with first:
        with pytest.raises(ServeError, match=r"a server listens on .* already"):
            second.start()
        second.close()
        assert blocking(Address.parse(f"unix:{path}")) == "fake"
        with pytest.raises(OSError, match="refused"):  # its other listener is closed as well
            socket.create_connection(second.address, timeout=PATIENCE)


def test_a_file_that_another_server_made_meanwhile_is_left(path: Path) -> None:
    with Server(FakeRuntime(), NOBODY, listeners=[UnixListener(path)]):
        path.unlink()
        dead(path)
    assert path.exists()


def test_what_can_be_no_socket_is_refused_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("kept")
    with pytest.raises(ServeError, match=r"notes\.txt is there and is no socket; name another"):
        UnixListener(file)
    assert file.read_text() == "kept"
    with pytest.raises(ServeError, match=r"no file can be made in .*nowhere"):
        UnixListener(tmp_path / "nowhere" / "s")
    with pytest.raises(ServeError, match="bytes long, and the path of a socket at most 103"):
        UnixListener(tmp_path / ("x" * 200))


def test_where_nobody_listens_a_command_says_how_to_begin(path: Path) -> None:
    with pytest.raises(UnreachableError, match=rf"no server answers at unix:.* \(No such .*--unix {path}"):
        reach(Channel, f"unix:{path}", "viewer", Credentials())


def test_where_there_are_no_unix_sockets_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(AddressError, match="this system has no Unix sockets"):
        Address.parse("unix:/run/llmri.sock")
    with pytest.raises(ServeError, match="this system has no Unix sockets; leave --unix out"):
        UnixListener(Path("/run/llmri.sock"))


def test_tls_on_a_unix_socket_is_refused(certificate: tuple[Path, Path]) -> None:
    with pytest.raises(AddressError, match="no TLS is spoken on a Unix socket; leave --tls"):
        Address.parse("unix:/run/llmri.sock", tls=trusting(certificate[0]))


@pytest.mark.parametrize("name", ["llmri.sock", "named like a set.json"])
def test_commands_take_a_unix_socket_where_they_take_a_host(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with Server(FakeRuntime(), NOBODY, listeners=[UnixListener(path)]):
        shown = CliRunner().invoke(edits, ["show", f"unix:{path}"])
        saved = CliRunner().invoke(edits, ["save", str(tmp_path / "now.json"), f"unix:{path}"])
    assert (shown.exit_code, shown.output.split(",")[0]) == (0, "unnamed")
    assert saved.exit_code == 0, saved.output
