"""A real token and a real edit pass the functions of the pictures in `docs/architecture.md`, in order."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import CodeType, FrameType

import pytest

from docs.make import ways
from docs.make.ways import PAGE, WAYS, function_of
from llmri_client.address import Address
from llmri_protocol.messages import Chat
from llmri_server import Server, Settings
from llmri_server.torch_runtime import load
from llmri_viewer.app.application import Application
from llmri_viewer.commands.edit import Boost, Select
from llmri_viewer.model.options import Options

PATIENCE = 120.0


def test_the_pictures_are_current() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert ways.renewed(text) == text, "renew them: python -m docs.make.ways"


class Followed:
    """Notes when each function of the ways runs, in any thread."""

    def __init__(self) -> None:
        # What a hook is made of runs in a closure of `make_hook`'s module.
        self.codes: dict[CodeType, tuple[str, int]] = {}
        for way, stops in WAYS.items():
            for number, stop in enumerate(stops):
                self.codes[function_of(stop).__code__] = (way, number)
        self.seen: list[tuple[CodeType, int]] = []
        self.on = False

    def profile(self, frame: FrameType, event: str, _argument: object) -> None:
        if self.on and event == "call" and frame.f_code in self.codes:
            self.seen.append((frame.f_code, threading.get_ident()))

    def passed(self, way: str) -> list[str]:
        """Return the names of a way's functions, as far as they were passed in its order."""
        codes = [function_of(stop).__code__ for stop in WAYS[way]]
        place, found = 0, []
        for code, _ in self.seen:
            if place < len(codes) and code is codes[place]:
                found.append(WAYS[way][place].name)
                place += 1
        return found


@pytest.fixture
def followed() -> Iterator[Followed]:
    follower = Followed()
    threading.setprofile(follower.profile)
    sys.setprofile(follower.profile)
    yield follower
    sys.setprofile(None)
    threading.setprofile(None)


def test_a_token_and_an_edit_go_the_ways_of_the_pictures(followed: Followed) -> None:
    runtime = load("pocket", device="cpu", dtype="float32")
    with Server(runtime, Settings(port=0)) as server:
        application = Application(Address(port=server.address[1]), Options())
        application.link.start()
        try:
            wait(application, lambda: application.state.connection.card is not None)
            followed.on = True
            application.link.send(Chat(id=1, text="What is 37 plus 45?", new=True))
            wait(application, lambda: followed.passed("token")[-1:] == ["ScanStore.add_scan"])
            followed.seen.clear()
            application.do(Select(frozenset({(3, 7)})))
            application.do(Boost())
            application.link.send(Chat(id=3, text="What is 37 plus 45?", new=True))
            wait(application, lambda: followed.passed("edit")[-1:] == ["Program.apply"])
        finally:
            followed.on = False
            application.close()


def wait(application: Application, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "the way was not passed in this order"
        application.poll()
        time.sleep(0.01)
