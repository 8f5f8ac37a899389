"""A server around a runtime without a model, on a real socket."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from llmri_server import Server, Settings
from tests.server.fakes import Connect, Eventually, FakeRuntime, Viewer, eventually


@pytest.fixture
def runtime() -> FakeRuntime:
    return FakeRuntime()


@pytest.fixture
def settings() -> Settings:
    return Settings(port=0, max_clients=4, queue_scans=10)


@pytest.fixture
def server(runtime: FakeRuntime, settings: Settings) -> Iterator[Server]:
    with Server(runtime, settings) as running:
        yield running


@pytest.fixture
def connect_to() -> Iterator[Connect]:
    """Yield a function that connects a viewer to a server; all are closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(server: Server, **more: Any) -> Viewer:
            viewer = Viewer(server.address, **more)
            stack.callback(viewer.close)
            return viewer

        yield make


@pytest.fixture
def connect(server: Server, connect_to: Connect) -> Connect:
    return lambda **more: connect_to(server, **more)


@pytest.fixture(name="eventually")
def eventually_fixture() -> Eventually:
    return eventually
