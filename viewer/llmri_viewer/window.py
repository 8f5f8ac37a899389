"""The window: events in, a picture out, sixty times a second where something changed."""

import os
import time
from pathlib import Path

import pygame

from llmri_viewer import face
from llmri_viewer.bindings import Bindings
from llmri_viewer.drawing import scene, strip
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.fonts import Fonts
from llmri_viewer.session import Session
from llmri_viewer.state import Link
from llmri_viewer.theme import Theme
from llmri_viewer.translate import Translator

FRAMES_A_SECOND = 60
REPEAT_AFTER, REPEAT_EVERY = 350, 45  # milliseconds
SCREENLESS = {"dummy", "offscreen", "evdev"}  # what SDL falls back to where there is no screen


class WindowError(RuntimeError):
    """The window cannot be opened, or its picture not be saved; the message says why."""


class Window:
    """Shows a session until it is quit."""

    def __init__(self, session: Session, table: Bindings, theme: Theme) -> None:
        self.session = session
        self.translator = Translator(table, self.token_at)
        self.shot_file: Path | None = None  # None makes a name of the time
        self._table = table
        self._shots = session.state.shots
        self._drawn: tuple[int, str] | None = None
        self._state = session.state
        self._last_frame = time.monotonic()
        try:
            pygame.display.init()
            pygame.font.init()
            surface = pygame.display.set_mode(session.state.size, pygame.RESIZABLE)
        except pygame.error as error:
            raise WindowError(
                f"no window can be opened here ({error}); on a machine without a screen use --headless"
            ) from None
        if pygame.display.get_driver() in SCREENLESS and "SDL_VIDEODRIVER" not in os.environ:
            raise WindowError("there is no screen to open a window on; use --headless with --keys and --shot")
        pygame.display.set_caption("llmri view")
        pygame.key.set_repeat(REPEAT_AFTER, REPEAT_EVERY)
        self.canvas = Canvas(surface, theme, Fonts())

    def frame(self) -> None:
        """Take in events and messages, and draw if anything changed."""
        for event in pygame.event.get():
            for command in self.translator.commands(event, self.session.state):
                self.session.do(command)
        self.session.poll()
        now = time.monotonic()
        self.session.glide(now - self._last_frame)
        self._last_frame = now
        self._follow_size()
        signature = (self.session.store.revision, scene.meters(self.session))
        if self._drawn != signature or self._state is not self.session.state:
            self.draw()
            self._drawn = signature
        if self.session.state.shots != self._shots:
            self._shots = self.session.state.shots
            try:
                self.session.tell(f"saved {self.save(self.shot_file)}")
            except WindowError as error:
                self.session.tell(str(error), warning=True)

    def draw(self) -> None:
        """Draw the session as it is."""
        self._state = self.session.state
        scene.draw(self.canvas, self.session, self._table)
        pygame.display.flip()

    def save(self, file: Path | None = None) -> Path:
        """Write the picture to a PNG file, and give its name.

        Raises:
            WindowError: It cannot be written there.
        """
        path = file or Path(time.strftime("llmri-%Y%m%d-%H%M%S.png"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            pygame.image.save(self.canvas.surface, path)
        except (OSError, pygame.error) as error:
            raise WindowError(f"the picture cannot be saved as {path}: {error}") from None
        return path

    def run(self) -> None:
        """Show until somebody quits, or the server refuses."""
        clock = pygame.time.Clock()
        while not self.session.state.quit and self.session.state.link.link is not Link.REFUSED:
            self.frame()
            clock.tick(FRAMES_A_SECOND)

    def close(self) -> None:
        """Close the window."""
        pygame.quit()

    def token_at(self, x: int, y: int) -> int | None:
        """Give the token at a point of the strip or the scrubber."""
        state, store = self.session.state, self.session.store
        parts = face.of(state.size)
        turn = strip.turn_of(state, store)
        if turn is not None and parts.scrubber.holds(x, y):
            return strip.token_at(parts.scrubber, turn, x)
        for cell in strip.cells(self.canvas, parts.strip, state, store):
            if cell.box.holds(x, y):
                return cell.token
        return None

    def _follow_size(self) -> None:
        """Take a new surface where the state's size was changed, by a person or a script."""
        size = self.session.state.size
        if self.canvas.surface.get_size() != size:
            self.canvas.surface = pygame.display.set_mode(size, pygame.RESIZABLE)
