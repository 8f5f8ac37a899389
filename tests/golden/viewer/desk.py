"""A window that shows the recorded conversation; keys go through pygame's own event queue."""

import os

os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"

from llmri_client.address import Address
from llmri_clustering.files import load as load_clusters
from llmri_look.colours.theme import THEMES, ThemeName
from llmri_look.keys import bindings
from llmri_protocol.messages import Edits
from llmri_viewer.app.application import Application
from llmri_viewer.app.meter import Meter
from llmri_viewer.app.window import Window
from llmri_viewer.model.clusters.atlas import Atlas
from llmri_viewer.model.options import Options
from llmri_viewer.model.state import ViewState
from llmri_viewer.scripts.pilot import Pilot
from llmri_viewer.scripts.script import parse
from tests.golden.viewer.recording import CLUSTERS, RecordedLink, load

SIZE = (1280, 800)
LANDING = 1.0  # seconds that every movement is over in


class RecordedDesk:
    """The recorded conversation in a window without a screen, and the hands of a person.

    Args:
        theme: Colours of the window.
        size: In pixels.
        edited: Go on to the turn under edits; otherwise what is shown ends before them.
        clustered: Load the recorded clusters.
    """

    def __init__(
        self,
        theme: ThemeName = "dark",
        size: tuple[int, int] = SIZE,
        *,
        edited: bool = False,
        clustered: bool = True,
    ) -> None:
        messages = load()
        first_edits = next(i for i, message in enumerate(messages) if isinstance(message, Edits))
        self.table = bindings.load()
        options = Options(theme=theme, width=size[0], height=size[1])
        atlas = Atlas.of(load_clusters(CLUSTERS)) if clustered else None
        self.link = RecordedLink(messages)
        self.session = Application(Address(), options, site="mlp_act", layer=4, atlas=atlas, link=self.link)
        self.window = Window(self.session, self.table, THEMES[theme])
        self.pilot = Pilot(self.window, patience=5)
        self.link.start()
        for message in messages[: None if edited else first_edits]:
            self.session.receive(message)
        self.window.frame()

    @property
    def state(self) -> ViewState:
        return self.session.state

    def play(self, keys: str) -> None:
        """Press keys, and let everything that moves come to rest."""
        self.pilot.play(parse(keys, self.table))
        for _ in range(4):
            self.window.frame()
        self.session.glide(LANDING)
        self.session.meter = Meter()  # what depends on the clock is no part of a picture
        self.window.draw()

    def close(self) -> None:
        self.window.close()
