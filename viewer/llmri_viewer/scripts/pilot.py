"""Plays a script on a window, through the same event queue that a keyboard and a mouse use."""

import sys
import time
from collections.abc import Collection
from itertools import islice

import pygame

from llmri_viewer import views
from llmri_viewer.app.window import Window
from llmri_viewer.commands.view import Resize
from llmri_viewer.drawing.panels import strip
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.layout.geometry import Box
from llmri_viewer.model.state import Link
from llmri_viewer.scripts.script import Action, Click, PointAt, Press, Say, Shot, Size, Sleep, Type, Wait
from llmri_viewer.views import circles, legend

PAUSE = 0.004  # seconds between looks while waiting
KEYS = {"return": pygame.K_RETURN, "escape": pygame.K_ESCAPE, "space": pygame.K_SPACE}


class ScriptFailedError(RuntimeError):
    """The script cannot go on; the message names the word and why."""


class Pilot:
    """Carries out actions one after another.

    `patience` is the longest a `wait:` may take, in seconds. Before each of the keys `careful`, which edit,
    it waits until the server has looked for protected units, however long that takes.
    """

    def __init__(self, window: Window, patience: float, careful: Collection[str] = ()) -> None:
        self._window = window
        self._app = window.application
        self._patience = patience
        self._careful = careful
        self._seen = {"turn_end": 0, "edits": 0}  # events that earlier waits were met by

    def play(self, actions: list[Action]) -> None:
        """Carry them out.

        Raises:
            ScriptFailedError: A wait was not met, or a target is not on the screen.
        """
        for action in actions:
            if self._app.state.window.quit:
                return
            self._do(action)
            self._window.frame()

    def _do(self, action: Action) -> None:
        match action:
            case Press(key):
                if key in self._careful:
                    self._wait_until_searched()
                press(key)
            case Type(text):
                pygame.event.post(pygame.event.Event(pygame.TEXTINPUT, text=text))
            case Say(text, new):
                self._say(text, "ctrl+return" if new else "return")
            case Wait():
                self._wait(action)
            case Sleep(seconds):
                self._until(time.monotonic() + seconds)
            case Size(width, height):
                self._app.do(Resize(width, height))
            case Click() | PointAt():
                self._mouse(action)
            case Shot(file):
                self._settle()
                self._window.save(file or self._window.shot_file)

    def _say(self, text: str, send: str) -> None:
        """Say something in an empty chat box: what was left in it is forgotten first."""
        self._seen["turn_end"] = self._app.tally.turn_ends
        for step in (Press("t"), Press("escape"), Press("t"), Type(text), Press(send), Press("escape")):
            self._do(step)
            self._window.frame()

    def _wait_until_searched(self) -> None:
        """Wait for the search for protected units; what newcomers are told of it comes before any answer."""
        application, told = self._app, False
        limit = time.monotonic() + self._patience
        while application.state.connection.link.link is Link.CONNECTED and (
            application.state.connection.searching
            or (not application.tally.answers and time.monotonic() < limit)
        ):
            if application.state.connection.searching and not told:
                told = True
                sys.stderr.write("waiting until the server has looked for protected units\n")
            self._window.frame()
            time.sleep(PAUSE)

    def _wait(self, wait: Wait) -> None:
        scans = self._app.tally.scans
        limit = time.monotonic() + self._patience
        while not self._met(wait, scans):
            if self._app.state.connection.link.link is Link.REFUSED:
                raise ScriptFailedError(self._app.state.connection.link.sentence)
            if time.monotonic() > limit:
                raise ScriptFailedError(
                    f"`wait:{wait.event}` was not met in {self._patience:g} s "
                    f"({self._app.state.connection.link.sentence})"
                )
            self._window.frame()
            time.sleep(PAUSE)

    def _met(self, wait: Wait, scans: int) -> bool:
        tally, store = self._app.tally, self._app.store
        match wait.event:
            case "connected":
                return self._app.state.connection.link.link is Link.CONNECTED
            case "scan":
                return tally.scans > scans
            case "tokens":
                return bool(store.turns) and store.turns[max(store.turns)].generated() >= wait.count
            case "clusters":
                return self._app.state.clusters.job is None and self._app.state.atlas is not None
            case "measured":
                return not self._app.state.measurements.pending
            case "turn_end" | "edits":
                count = tally.turn_ends if wait.event == "turn_end" else tally.edits
                met = count > self._seen[wait.event]
                self._seen[wait.event] += met
                return met

    def _until(self, moment: float) -> None:
        while time.monotonic() < moment:
            self._window.frame()
            time.sleep(PAUSE)

    def _settle(self) -> None:
        """Take in everything that has arrived, and draw it."""
        self._window.frame()
        while self._app.pending() or self._app.state.pane.flight or self._app.state.pane.settling < 1:
            self._window.frame()
        self._window.draw()

    def _mouse(self, action: Click | PointAt) -> None:
        if isinstance(action, PointAt):
            at = (action.x, action.y)
        else:
            box = self._box(action)
            if box is None:
                raise ScriptFailedError(f"there is no {action.target} {action.number} to click on the screen")
            at = (box.x + box.width // 2, box.y + box.height // 2)
        at = self._window.on_screen(at)
        mods = pygame.key.get_mods()
        pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=at, rel=(0, 0), buttons=(0, 0, 0)))
        pygame.key.set_mods(pygame.KMOD_SHIFT if action.shift else pygame.KMOD_NONE)
        for _ in range(action.clicks):
            for kind in (pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP):
                pygame.event.post(pygame.event.Event(kind, pos=at, button=pygame.BUTTON_LEFT))
        self._window.frame()
        pygame.key.set_mods(mods)

    def _box(self, action: Click) -> Box | None:
        """Return where a target stands in the window, None where it is not in sight."""
        state, store = self._app.state, self._app.store
        parts = window_parts.of(state.window.size)
        if action.target == "unit":
            view = views.of(state)
            subject = view.subject(state)
            index = subject.index((state.pane.layer, action.number)) if subject else None
            return None if index is None else view.box_of(state, index)
        if action.target == "cluster":
            return circles.cluster_box(state, action.number)
        if action.target == "ranked":
            places = (box for _, box in legend.rows(state))
            return next(islice(places, max(0, action.number - 1), None), None)
        if action.target == "layer":
            known = state.connection.card is not None and action.number < state.connection.card.layers
            return (
                window_parts.layer_row(parts.layers, state.connection.card.layers, action.number)
                if known and state.connection.card
                else None
            )
        cells = strip.cells(self._window.canvas, parts.strip, state, store)
        return next((cell.box for cell in cells if cell.token == action.number), None)


def press(key: str) -> None:
    """Post the events of pressing a key, as SDL would: down, its text where it writes some, and up."""
    *held, name = key.split("+") if len(key) > 1 else [key]
    code = KEYS.get(name) or pygame.key.key_code(name if name != "?" else "/")
    mods = 0
    for word in held:
        mods |= {"shift": pygame.KMOD_SHIFT, "ctrl": pygame.KMOD_CTRL, "alt": pygame.KMOD_ALT}[word]
    written = name if len(name) == 1 and not mods & (pygame.KMOD_CTRL | pygame.KMOD_ALT) else ""
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code, mod=mods, unicode=written))
    if written:
        pygame.event.post(pygame.event.Event(pygame.TEXTINPUT, text=written))
    pygame.event.post(pygame.event.Event(pygame.KEYUP, key=code, mod=mods))
