"""A model server of nothing but synthetic scans, and a window without a screen."""

import os

os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"

from collections.abc import Iterator

import pytest

from llmri_client.address import Address
from llmri_look.colours.theme import THEMES
from llmri_look.keys import bindings
from llmri_look.keys.bindings import Bindings
from llmri_viewer.app.application import Application
from llmri_viewer.app.window import Window
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.layout.disc_camera import FLIGHT_SECONDS
from llmri_viewer.model.options import Options
from llmri_viewer.model.state import ViewState
from llmri_viewer.scripts.pilot import Pilot
from llmri_viewer.scripts.script import parse
from llmri_viewer.views.lattice import SETTLE_SECONDS
from tests.viewer import clusters
from tests.viewer.synthetic import SyntheticServer


@pytest.fixture
def server() -> Iterator[SyntheticServer]:
    with SyntheticServer() as running:
        yield running


@pytest.fixture
def table() -> Bindings:
    return bindings.load()


STORY_TOLD = 'wait:connected say:"Tell me about a fox." wait:turn_end '


class Desk:
    """A window on a synthetic server, and the hands of a person."""

    def __init__(
        self, server: SyntheticServer, options: Options, table: Bindings, atlas: Atlas | None = None
    ) -> None:
        self.server = server
        self.session = Application(Address(port=server.port), options, atlas=atlas)
        self.window = Window(self.session, table, THEMES[options.theme])
        self.pilot = Pilot(self.window, patience=20)
        self.table = table
        self.session.link.start()

    def play(self, text: str) -> None:
        self.pilot.play(parse(text, self.table))
        self.window.frame()

    def land(self) -> None:
        """Let a moving camera come to rest, and draw."""
        self.session.glide(max(FLIGHT_SECONDS, SETTLE_SECONDS))
        self.window.draw()

    @property
    def state(self) -> ViewState:
        return self.session.state

    def close(self) -> None:
        self.session.close()
        self.window.close()


@pytest.fixture
def told(desk: Desk) -> Desk:
    """A desk after one turn of 36 tokens, with unit 127 of the shown layer selected."""
    desk.play(STORY_TOLD + "click:unit=127")
    return desk


@pytest.fixture(scope="session")
def atlas() -> Atlas:
    return Atlas.of(clusters.clustering())


@pytest.fixture
def clustered(server: SyntheticServer, table: Bindings, atlas: Atlas) -> Iterator[Desk]:
    """A desk with clusters, in the circle view, after one turn."""
    desk = Desk(server, Options(), table, atlas)
    desk.play(STORY_TOLD + "o")
    yield desk
    desk.close()


@pytest.fixture
def desk(server: SyntheticServer, table: Bindings) -> Iterator[Desk]:
    desk = Desk(server, Options(), table)
    yield desk
    desk.close()
