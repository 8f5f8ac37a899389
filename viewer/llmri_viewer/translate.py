"""From pygame's events to commands, by the key table and by where the pointer is."""

import time
from collections.abc import Callable

import pygame

from llmri_viewer import face
from llmri_viewer.bindings import Bindings
from llmri_viewer.commands import NAMED, Command
from llmri_viewer.commands.looking import GoToLayer, Pan, Resize, Zoom
from llmri_viewer.commands.pointing import at_pointer
from llmri_viewer.commands.program import Point, Quit
from llmri_viewer.commands.talking import TypeText
from llmri_viewer.commands.tokens import GoToToken
from llmri_viewer.state import ViewState

DRAG_FROM = 4  # pixels the pointer moves before a press is no click any more
DOUBLE_SECONDS = 0.4  # between the clicks of a double click
REPEATING = ("layer.", "token.", "amount.", "zoom.", "chat.erase")
NAMES = {pygame.K_KP_PLUS: "+", pygame.K_KP_MINUS: "-", pygame.K_KP_ENTER: "return", pygame.K_KP0: "0"}
MOUSE_EVENTS = frozenset(
    {
        pygame.MOUSEBUTTONDOWN,
        pygame.MOUSEBUTTONUP,
        pygame.MOUSEMOTION,
        pygame.MOUSEWHEEL,
        pygame.WINDOWLEAVE,
    }
)
TokenAt = Callable[[int, int], int | None]


def key_name(event: pygame.event.Event) -> str:
    """Give the name of a pressed key as key tables write it: `b`, `?`, `f1`, `shift+tab`, `ctrl+c`.

    A sign is named by what it writes, whatever keys the keyboard needs for it.
    """
    written = getattr(event, "unicode", "")
    mods = getattr(event, "mod", 0)
    name = NAMES.get(event.key) or pygame.key.name(event.key)
    held = [word for word, bit in (("ctrl", pygame.KMOD_CTRL), ("alt", pygame.KMOD_ALT)) if mods & bit]
    if not held and len(written) == 1 and written.isprintable() and not written.isalpha() and written != " ":
        return written
    if mods & pygame.KMOD_SHIFT:
        held.append("shift")
    return "+".join([*held, name])


class Translator:
    """Turns events into commands; remembers what is pressed, so as to tell a click from a drag.

    Args:
        table: The key table.
        token_at: Gives the token whose cell, or place of the scrubber, is at a point.
    """

    def __init__(self, table: Bindings, token_at: TokenAt) -> None:
        self._table = table
        self._token_at = token_at
        self._held: set[int] = set()
        self._pressed: tuple[int, int] | None = None
        self._dragged = False
        self._clicked_last: tuple[float, tuple[int, int]] = (-DOUBLE_SECONDS, (0, 0))
        self._unwanted = ""  # the letter of the key that opened the chat box: SDL sends it as text, too

    def commands(self, event: pygame.event.Event, state: ViewState) -> list[Command]:
        """Give what an event asks for in a state."""
        if event.type in {pygame.KEYDOWN, pygame.KEYUP, pygame.TEXTINPUT}:
            return self._keyboard(event, state)
        if event.type in MOUSE_EVENTS:
            return self._mouse(event, state)
        if event.type == pygame.VIDEORESIZE:
            return [Resize(event.w, event.h)]
        return [Quit()] if event.type == pygame.QUIT else []

    def _keyboard(self, event: pygame.event.Event, state: ViewState) -> list[Command]:
        if event.type == pygame.KEYDOWN:
            return self._key(event, state)
        if event.type == pygame.TEXTINPUT:
            return self._text(event.text, state)
        self._held.discard(event.key)
        return []

    def _mouse(self, event: pygame.event.Event, state: ViewState) -> list[Command]:
        match event.type:
            case pygame.MOUSEBUTTONDOWN if event.button == pygame.BUTTON_LEFT:
                self._pressed, self._dragged = event.pos, False
            case pygame.MOUSEBUTTONUP if event.button == pygame.BUTTON_LEFT:
                return self._released(event.pos, state)
            case pygame.MOUSEMOTION:
                return self._moved(event, state)
            case pygame.MOUSEWHEEL:
                return self._wheel(event, state)
            case pygame.WINDOWLEAVE:
                return [Point(None)]
        return []

    def _key(self, event: pygame.event.Event, state: ViewState) -> list[Command]:
        name = self._table.command(state.mode, key_name(event))
        repeated = event.key in self._held
        self._held.add(event.key)
        if name is None or (repeated and not name.startswith(REPEATING)):
            return []
        self._unwanted = getattr(event, "unicode", "") if name == "chat.open" else ""
        return [NAMED[name]] if name in NAMED else []

    def _text(self, text: str, state: ViewState) -> list[Command]:
        unwanted, self._unwanted = self._unwanted, ""
        if state.mode != "chat" or (unwanted and text == unwanted):
            return []
        return [TypeText(text)]

    def _moved(self, event: pygame.event.Event, state: ViewState) -> list[Command]:
        point: list[Command] = [Point(event.pos)]
        if self._pressed is None or state.help:
            return point
        far = max(abs(event.pos[0] - self._pressed[0]), abs(event.pos[1] - self._pressed[1]))
        self._dragged = self._dragged or far >= DRAG_FROM
        if not self._dragged:
            return point
        parts = face.of(state.size)
        if parts.view.holds(*self._pressed):
            panning = self._bound(state, "drag") == "view.pan"
            return [*point, Pan(*event.rel)] if panning else point
        if parts.scrubber.holds(*self._pressed) or parts.layers.holds(*self._pressed):
            return point + self._clicked(event.pos, state, "click")
        return point

    def _released(self, at: tuple[int, int], state: ViewState) -> list[Command]:
        pressed, self._pressed = self._pressed, None
        if pressed is None or self._dragged or state.help:
            return []
        if pygame.key.get_mods() & pygame.KMOD_SHIFT:
            return self._clicked(at, state, "shift+click")
        return self._clicked(at, state, "doubleclick" if self._is_second(at, state) else "click")

    def _is_second(self, at: tuple[int, int], state: ViewState) -> bool:
        """Tell whether a click follows another so closely that they are a double click, if that is bound."""
        (when, where), now = self._clicked_last, time.monotonic()
        near = max(abs(at[0] - where[0]), abs(at[1] - where[1])) < DRAG_FROM
        second = near and now - when < DOUBLE_SECONDS and self._bound(state, "doubleclick") is not None
        self._clicked_last = (-DOUBLE_SECONDS, at) if second else (now, at)
        return second

    def _bound(self, state: ViewState, gesture: str) -> str | None:
        return self._table.command(state.view_mode, gesture)

    def _clicked(self, at: tuple[int, int], state: ViewState, gesture: str) -> list[Command]:
        parts = face.of(state.size)
        meant = at_pointer(self._bound(state, gesture) or "", state, at)
        if meant is not None:
            return [meant]
        if parts.layers.holds(*at) and state.card:
            layer = face.layer_at(parts.layers, state.card.layers, at[1])
            return [] if layer is None else [GoToLayer(layer)]
        token = self._token_at(*at)
        return [] if token is None else [GoToToken(token)]

    def _wheel(self, event: pygame.event.Event, state: ViewState) -> list[Command]:
        shifted = pygame.key.get_mods() & pygame.KMOD_SHIFT
        name = self._bound(state, "shift+wheel" if shifted else "wheel")
        turned = event.y or event.x  # some systems turn a wheel with Shift sideways
        at = state.pointer or pygame.mouse.get_pos()
        return [Zoom(turned, at)] if name == "zoom.pointer" and turned and not state.help else []
