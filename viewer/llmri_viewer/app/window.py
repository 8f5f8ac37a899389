"""The window: events in, a picture out, sixty times a second where something changed."""

import gc
import io
import os
import threading
import time
from pathlib import Path

import pygame

from llmri_look.colours.theme import Theme
from llmri_look.keys.bindings import Bindings
from llmri_viewer.app.application import Application
from llmri_viewer.app.effect_runner import Desktop, EffectRunner
from llmri_viewer.app.meter import FRAMES_A_SECOND
from llmri_viewer.commands.effects import ExportShown, PasteText, SaveShot, ToggleRecording, WindowEffect
from llmri_viewer.drawing import scene
from llmri_viewer.drawing.aside import Aside
from llmri_viewer.drawing.canvas import Canvas
from llmri_viewer.drawing.lettering.fonts import Fonts
from llmri_viewer.drawing.panels import strip, timeline
from llmri_viewer.drawing.scene import Meters
from llmri_viewer.files.writing import reason, timed, whole
from llmri_viewer.input.translate import Translator
from llmri_viewer.model.history.store import TokenRef
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.density import scale_of
from llmri_viewer.model.state import Link
from llmri_viewer.views.values import spectra

METERS_IN_WORDS_FROM = 640  # pixels of width
REST_SECONDS = 0.1  # at most, while nothing comes: notices and meters change with time alone
LOOK_SECONDS = 1 / FRAMES_A_SECOND  # between looks for a person: SDL itself would look each millisecond
REPEAT_AFTER, REPEAT_EVERY = 350, 45  # milliseconds
PLACED = {pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP, pygame.MOUSEMOTION, pygame.VIDEORESIZE}
SCREENLESS = {"dummy", "offscreen", "evdev"}  # what SDL falls back to where there is no screen


class WindowError(RuntimeError):
    """The window cannot be opened, or its picture not be saved; the message says why."""


class Window:
    """Shows a application until it is quit."""

    def __init__(self, application: Application, table: Bindings, theme: Theme) -> None:
        self.application = application
        self.translator = Translator(table, self.moment_at)
        self.shot_file: Path | None = None  # None makes a name of the time
        self._table = table
        self._drawn: tuple[int, str, int] | None = None
        self._state = application.state
        self._last_frame = time.monotonic()
        self._awake = threading.Event()  # something came from the server, or was made beside the loop
        try:
            pygame.display.init()
            pygame.font.init()
            scale = scale_of(application.options.scale, _desktop())
            surface = _opened(application.state.window.size, scale)
        except pygame.error as error:
            raise WindowError(
                f"no window can be opened here ({error}); on a machine without a screen use --headless"
            ) from None
        if pygame.display.get_driver() in SCREENLESS and "SDL_VIDEODRIVER" not in os.environ:
            raise WindowError("there is no screen to open a window on; use --headless with --keys and --shot")
        pygame.display.set_caption("llmri view")
        pygame.key.set_repeat(REPEAT_AFTER, REPEAT_EVERY)
        self.canvas = Canvas(surface, theme, Fonts(application.options.fonts), scale)
        self.effect_runner = EffectRunner(application, Desktop(self._rgb, _clipboard))
        application.link.inbox.wake = self._wake

    def frame(self) -> None:
        """Take in events and messages, and draw if anything changed."""
        began = time.time()
        self._awake.clear()  # before the inbox is emptied, so that nothing comes unnoticed in between
        for event in pygame.event.get():
            for command in self.translator.commands(self._laid_out(event), self.application.state):
                self.application.do(command)
        self.application.poll()
        now = time.monotonic()
        self.application.glide(now - self._last_frame)
        self._last_frame = now
        self._follow_size()
        signature = (self.application.store.revision, self._flow(), self.canvas.aside.done)
        if self._drawn != signature or self._state is not self.application.state:
            self.draw()
            self._drawn = signature
            self.application.meter.timings.shown(began, time.time())
            self.effect_runner.drawn()
        while self.application.effects:
            self._run_effect(self.application.effects.popleft())
        self.effect_runner.tick()

    def on_screen(self, at: tuple[int, int]) -> tuple[int, int]:
        """Return a place of the layout in the screen's pixels, as events have it."""
        return self.canvas.scale * at[0], self.canvas.scale * at[1]

    def _laid_out(self, event: pygame.event.Event) -> pygame.event.Event:
        """Return an event with its places in the layout's pixels, where those are not the screen's."""
        scale = self.canvas.scale
        if scale == 1 or event.type not in PLACED:
            return event
        there = event.dict
        here: dict[str, object] = {name: there[name] // scale for name in ("w", "h") if name in there}
        if "pos" in there:
            here["pos"] = _shrunk(there["pos"], scale)
        if "rel" in there:
            here["rel"] = (there["rel"][0] / scale, there["rel"][1] / scale)
        return pygame.event.Event(event.type, {**there, **here})

    def _run_effect(self, effect: WindowEffect) -> None:
        """Carry out what needs the picture, and say how it went."""
        try:
            match effect:
                case SaveShot():
                    self.application.tell(f"saved {self.save(self.shot_file)}")
                case ExportShown() | ToggleRecording() | PasteText():
                    self.effect_runner.run(effect)
        except WindowError as error:
            self.application.tell(str(error), warning=True)

    def draw(self) -> None:
        """Draw the application as it is."""
        self._state = self.application.state
        timings = self.application.meter.timings.line(time.time()) if self._state.overlays.timings else ""
        meters = Meters(self._flow(), timings)
        scene.draw(self.canvas, self._state, self.application.store, self._table, meters)
        pygame.display.flip()

    def _flow(self) -> str:
        wide = self.application.state.window.size[0] >= METERS_IN_WORDS_FROM
        return self.application.meter.line(time.time(), wide=wide)

    def save(self, file: Path | None = None) -> Path:
        """Write the picture to a PNG file, and give its name.

        Raises:
            WindowError: It cannot be written there.
        """
        path = file or Path("llmri.png")
        picture = io.BytesIO()
        try:
            path = file or timed(Path("llmri"), ".png")
            # By way of memory, since pygame says nothing where a disk is full.
            pygame.image.save(self.canvas.surface, picture, "picture.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole(path) as written:
                written.write(picture.getbuffer())
        except OSError as error:
            raise WindowError(f"the picture cannot be saved as {path}: {reason(error)}") from None
        except pygame.error as error:
            raise WindowError(f"the picture cannot be saved as {path}: {error}") from None
        return path

    def _rgb(self) -> tuple[tuple[int, int], bytes]:
        return self.canvas.surface.get_size(), pygame.image.tobytes(self.canvas.surface, "RGB")

    def run(self) -> None:
        """Show until somebody quits, or the server refuses."""
        spectra.prepare()
        gc.collect()
        gc.freeze()  # modules and tables stay: looking through them for garbage would take several frames
        clock, whole = pygame.time.Clock(), self.canvas.aside
        with Aside(self._wake) as self.canvas.aside:
            while (
                not self.application.state.window.quit
                and self.application.state.connection.link.link is not Link.REFUSED
            ):
                self.frame()
                clock.tick(FRAMES_A_SECOND)
                if not self.application.state.moving and not self.application.pending():
                    self._rest()
        self.canvas.aside = whole

    def _rest(self) -> None:
        """Sleep until something comes from a person or from the server, or a moment is over."""
        end = time.monotonic() + REST_SECONDS
        while not (self._awake.wait(LOOK_SECONDS) or pygame.event.peek()) and time.monotonic() < end:
            pass

    def _wake(self) -> None:
        """End the rest; other threads call this."""
        self._awake.set()

    def close(self) -> None:
        """Close the window, once what was to be written is."""
        self.effect_runner.close()
        pygame.quit()

    def moment_at(self, x: int, y: int) -> TokenRef | None:
        """Return the moment at a point of the strip, or under a point of the scrubber's height."""
        state, store = self.application.state, self.application.store
        parts = window_parts.of(state.window.size)
        if parts.scrubber.y <= y < parts.scrubber.bottom:
            return timeline.moment_at(parts.scrubber, store, x)
        return strip.moment_at(self.canvas, parts.strip, state, store, (x, y))

    def _follow_size(self) -> None:
        """Take a new surface where the state's size was changed, by a person or a script."""
        size, scale = self.application.state.window.size, self.canvas.scale
        if _shrunk(self.canvas.surface.get_size(), scale) != size:
            self.canvas.surface = _opened(size, scale)


def _opened(size: tuple[int, int], scale: int) -> pygame.Surface:
    return pygame.display.set_mode((scale * size[0], scale * size[1]), pygame.RESIZABLE)


def _desktop() -> tuple[int, int]:
    """Return the size of the first desktop in its own pixels; (0, 0) where there is none."""
    return next(iter(pygame.display.get_desktop_sizes()), (0, 0))


def _shrunk(place: tuple[int, int], scale: int) -> tuple[int, int]:
    return place[0] // scale, place[1] // scale


def _clipboard() -> str:
    """Return the text that was copied last; empty where there is none, or no clipboard."""
    try:
        return pygame.scrap.get_text()
    except pygame.error:
        return ""
