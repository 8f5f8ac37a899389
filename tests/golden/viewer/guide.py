"""Plays `docs/guide.md` on a real server: `python -m tests.golden.viewer.guide` remakes its pictures.

The guide's boxes marked `keys` are pressed in order, and each picture is taken where the guide shows it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pygame
from PIL import Image

from llmri_client.address import Address
from llmri_look.colours.theme import THEMES
from llmri_look.keys import bindings
from llmri_viewer.app.application import Application
from llmri_viewer.app.meter import Meter
from llmri_viewer.app.window import Window
from llmri_viewer.commands.program import MovePointer
from llmri_viewer.model.options import Options
from llmri_viewer.scripts.pilot import Pilot
from llmri_viewer.scripts.script import parse
from tests.golden.viewer.desk import LANDING, SIZE
from tests.golden.viewer.record import SITE, serving

GUIDE = Path(__file__).parents[3] / "docs" / "guide.md"
STEP = re.compile(r"^```keys\n(?P<keys>.*?)^```$|^!\[.*?\]\((?P<picture>[^)]*)\)$", re.MULTILINE | re.DOTALL)
PATIENCE = 300.0  # seconds for any one wait; building takes a quarter of a minute on an idle machine


class Reader:
    """Somebody who follows the guide, at a window without a screen."""

    def __init__(self, address: str) -> None:
        self._table = bindings.load()
        options = Options(theme="dark", width=SIZE[0], height=SIZE[1])
        self.session = Application(Address.parse(address, "controller", None), options, site=SITE)
        self.window = Window(self.session, self._table, THEMES["dark"])
        self._pilot = Pilot(self.window, PATIENCE)
        self.session.link.start()

    def follow(self, pictures: Path) -> None:
        """Press every key of the guide, and save its pictures under a folder, by their paths in the guide."""
        for step in STEP.finditer(GUIDE.read_text(encoding="utf-8")):
            if step["keys"] is not None:
                self._pilot.play(parse(step["keys"], self._table))
            else:
                self._save(pictures / step["picture"])

    def replies(self, prompt: str) -> list[str]:
        """Return the replies to a prompt, in order."""
        turns = (self.session.store.turns[number] for number in self.session.store.order)
        return [turn.end.text for turn in turns if turn.prompt == prompt and turn.end is not None]

    def close(self) -> None:
        self.session.close()
        self.window.close()

    def _save(self, file: Path) -> None:
        """Take a picture once everything that moves has come to rest, without what depends on the clock."""
        self._pilot.play(parse("sleep:0.5", self._table))
        self.session.do(MovePointer(None))
        self.session.glide(LANDING)
        self.session.meter = Meter()
        self.window.draw()
        surface = self.window.canvas.surface
        picture = Image.frombytes("RGB", surface.get_size(), pygame.image.tobytes(surface, "RGB"))
        file.parent.mkdir(parents=True, exist_ok=True)
        picture.save(file, optimize=True)


@contextmanager
def reading(address: str) -> Iterator[Reader]:
    """Yield a reader at a server."""
    reader = Reader(address)
    try:
        yield reader
    finally:
        reader.close()


def pictures() -> list[str]:
    """Return the paths of the guide's pictures, as it has them."""
    return [step["picture"] for step in STEP.finditer(GUIDE.read_text(encoding="utf-8")) if step["picture"]]


def main() -> None:
    """Remake the pictures."""
    with serving() as address, reading(address) as reader:
        reader.follow(GUIDE.parent)


if __name__ == "__main__":
    main()
