"""From the mouse's events to commands: clicks, drags and turns of the wheel, by where the pointer is."""

import time
from collections.abc import Callable

import pygame

from llmri_look.keys.bindings import Bindings
from llmri_viewer.commands import Command
from llmri_viewer.commands.edit import Lasso
from llmri_viewer.commands.measuring import Scroll
from llmri_viewer.commands.pointing import at_pointer, lassoed
from llmri_viewer.commands.program import MovePointer
from llmri_viewer.commands.tokens import GoToMoment
from llmri_viewer.commands.view import AdjustWindow, GoToLayer, Pan, Zoom
from llmri_viewer.model.history.store import TokenRef
from llmri_viewer.model.layout import window_parts
from llmri_viewer.model.state import ViewState
from llmri_viewer.model.state_groups import At

DRAG_FROM = 4  # pixels the pointer moves before a press is no click any more
DOUBLE_SECONDS = 0.4  # between the clicks of a double click
BUTTONS = (pygame.BUTTON_LEFT, pygame.BUTTON_RIGHT)
MomentAt = Callable[[int, int], TokenRef | None]


class MouseInput:
    """Turns the mouse's events into commands; remembers what is pressed, to tell a click from a drag.

    Args:
        table: The key table, which names gestures too.
        moment_at: Gives the moment whose cell, or place of the scrubber, is at a point.
    """

    def __init__(self, table: Bindings, moment_at: MomentAt) -> None:
        self._table = table
        self._moment_at = moment_at
        self._pressed: At | None = None
        self._button = pygame.BUTTON_LEFT
        self._dragged = False
        self._clicked_last: tuple[float, At] = (-DOUBLE_SECONDS, (0, 0))

    def commands(self, event: pygame.event.Event, state: ViewState) -> list[Command]:
        """Return what an event of the mouse asks for in a state."""
        match event.type:
            case pygame.MOUSEBUTTONDOWN if event.button in BUTTONS:
                self._pressed, self._dragged, self._button = event.pos, False, event.button
                return self._scrubbed(event.pos, state)
            case pygame.MOUSEBUTTONUP if event.button == self._button:
                return self._released(event.pos, state)
            case pygame.MOUSEMOTION:
                return [MovePointer(event.pos), *self._moved(event, state)]
            case pygame.MOUSEWHEEL:
                return self._wheel(event, state)
            case pygame.WINDOWLEAVE:
                return [MovePointer(None)]
        return []

    def _moved(self, event: pygame.event.Event, state: ViewState) -> list[Command]:
        if self._pressed is None or state.overlays.help:
            return []
        far = max(abs(event.pos[0] - self._pressed[0]), abs(event.pos[1] - self._pressed[1]))
        self._dragged = self._dragged or far >= DRAG_FROM
        if not self._dragged:
            return []
        parts = window_parts.of(state.window.size)
        if parts.view.holds(*self._pressed):
            return self._dragged_view(event, state)
        if parts.layers.holds(*self._pressed):
            return self._clicked(event.pos, state, "click")
        return self._scrubbed(event.pos, state)

    def _scrubbed(self, at: At, state: ViewState) -> list[Command]:
        """Go to the moment over or under the pointer, where the scrubber was pressed."""
        scrubber = window_parts.of(state.window.size).scrubber
        held = self._pressed is not None and scrubber.holds(*self._pressed)
        if not held or state.overlays.help or self._button != pygame.BUTTON_LEFT:
            return []
        moment = self._moment_at(at[0], scrubber.y)
        return [] if moment is None else [GoToMoment(moment)]

    def _dragged_view(self, event: pygame.event.Event, state: ViewState) -> list[Command]:
        """Move the picture, change its colours' window, or draw a line, as the gesture is bound."""
        control = pygame.key.get_mods() & pygame.KMOD_CTRL
        gesture = "rightdrag" if self._button == pygame.BUTTON_RIGHT else "ctrl+drag" if control else "drag"
        match self._bound(state, gesture):
            case "view.pan":
                return [Pan(*event.rel)]
            case "window.adjust":
                return [AdjustWindow(*event.rel)]
            case "units.lasso":
                start = state.selection.lasso or ((self._pressed or event.pos),)
                return [Lasso((*start, event.pos))]
        return []

    def _released(self, at: At, state: ViewState) -> list[Command]:
        pressed, self._pressed = self._pressed, None
        shifted = bool(pygame.key.get_mods() & pygame.KMOD_SHIFT)
        if state.selection.lasso:
            return [lassoed(state, add=shifted), Lasso(())]
        if pressed is None or self._dragged or state.overlays.help or self._button != pygame.BUTTON_LEFT:
            return []
        if shifted:
            return self._clicked(at, state, "shift+click")
        return self._clicked(at, state, "doubleclick" if self._is_second(at, state) else "click")

    def _is_second(self, at: At, state: ViewState) -> bool:
        """Tell whether a click follows another so closely that they are a double click, if that is bound."""
        (when, where), now = self._clicked_last, time.monotonic()
        near = max(abs(at[0] - where[0]), abs(at[1] - where[1])) < DRAG_FROM
        second = near and now - when < DOUBLE_SECONDS and self._bound(state, "doubleclick") is not None
        self._clicked_last = (-DOUBLE_SECONDS, at) if second else (now, at)
        return second

    def _bound(self, state: ViewState, gesture: str) -> str | None:
        return self._table.command(state.view_mode, gesture)

    def _clicked(self, at: At, state: ViewState, gesture: str) -> list[Command]:
        parts = window_parts.of(state.window.size)
        meant = at_pointer(self._bound(state, gesture) or "", state, at)
        if meant is not None:
            return [meant]
        if parts.layers.holds(*at) and state.connection.card:
            layer = window_parts.layer_at(parts.layers, state.connection.card.layers, at[1])
            return [] if layer is None else [GoToLayer(layer)]
        moment = self._moment_at(*at)
        return [] if moment is None else [GoToMoment(moment)]

    def _wheel(self, event: pygame.event.Event, state: ViewState) -> list[Command]:
        shifted = pygame.key.get_mods() & pygame.KMOD_SHIFT
        name = self._bound(state, "shift+wheel" if shifted else "wheel")
        turned = event.y or event.x  # some systems turn a wheel with Shift sideways
        at = state.window.pointer or pygame.mouse.get_pos()
        if not turned or state.overlays.help:
            return []
        match name:
            case "zoom.pointer":
                return [Zoom(turned, at)]
            case "compare.scroll":
                return [Scroll(-turned)]
        return []
