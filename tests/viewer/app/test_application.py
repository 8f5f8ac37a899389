"""What the viewer's settings say of the connection reaches its link."""

import queue
import socket
from collections.abc import Iterator

import pytest

from llmri_client.address import Address
from llmri_client.link import Event
from llmri_client.link_status import Link, LinkStatus
from llmri_protocol.connection import ServerConnection
from llmri_protocol.frames import header
from llmri_protocol.messages import Hello
from llmri_viewer.app.application import Application
from llmri_viewer.model.options import Options


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(60)
        yield sock


def first(inbox: "queue.Queue[Event]", wanted: Link) -> str:
    while True:
        event = inbox.get(timeout=60)
        if isinstance(event, LinkStatus) and event.link is wanted:
            return event.sentence


def test_the_viewer_says_its_name_and_refuses_frames_over_its_own_limit(listening: socket.socket) -> None:
    session = Application(Address(port=listening.getsockname()[1]), Options(frame_mib=1))
    session.link.start()
    try:
        sock, _ = listening.accept()
        with sock:
            said = ServerConnection().feed(sock.recv(1 << 16))
            assert isinstance(said[0], Hello)
            assert said[0].client.startswith("llmri view ")
            sock.sendall(header((1 << 20) + 1))
            assert "1048577 bytes was announced, expected at most 1048576" in first(
                session.link.inbox, Link.REFUSED
            )
    finally:
        session.close()


@pytest.mark.parametrize(
    ("reconnect", "wanted", "said"),
    [(True, Link.WAITING, "in 0.125 s"), (False, Link.REFUSED, "not trying again")],
)
def test_the_settings_say_how_soon_it_tries_again(
    listening: socket.socket, reconnect: bool, wanted: Link, said: str
) -> None:
    address = Address(port=listening.getsockname()[1])
    listening.close()
    options = Options(retry_first_seconds=0.125, retry_longest_seconds=0.25)
    session = Application(address, options, reconnect=reconnect)
    session.link.start()
    try:
        assert said in first(session.link.inbox, wanted)
    finally:
        session.close()
