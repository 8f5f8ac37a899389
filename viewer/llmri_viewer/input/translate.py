"""From pygame's events to commands, by the key table and by where the pointer is."""

import pygame

from llmri_look.keys.bindings import Bindings
from llmri_viewer.commands import NAMED, Command
from llmri_viewer.commands.chat import TypeText
from llmri_viewer.commands.program import Quit
from llmri_viewer.commands.view import Resize
from llmri_viewer.input.mouse import MomentAt, MouseInput
from llmri_viewer.model.state import ViewState

REPEATING = (
    "layer.",
    "token.",
    "turn.",
    "amount.",
    "zoom.",
    "compare.up",
    "compare.down",
    "chat.erase",
    "goto.erase",
)
NAMES = {pygame.K_KP_PLUS: "+", pygame.K_KP_MINUS: "-", pygame.K_KP_ENTER: "return", pygame.K_KP0: "0"}
TYPED = frozenset({"chat", "goto"})  # modes in which text is typed
OPENERS = frozenset({"chat.open", "goto.open"})
MOUSE_EVENTS = frozenset(
    {
        pygame.MOUSEBUTTONDOWN,
        pygame.MOUSEBUTTONUP,
        pygame.MOUSEMOTION,
        pygame.MOUSEWHEEL,
        pygame.WINDOWLEAVE,
    }
)


def key_name(event: pygame.event.Event) -> str:
    """Return the name of a pressed key as key tables write it: `b`, `?`, `f1`, `shift+tab`, `ctrl+c`.

    A sign is named by what it writes, whatever keys the keyboard needs for it.
    """
    written = getattr(event, "unicode", "")
    mods = getattr(event, "mod", 0)
    name = NAMES.get(event.key) or pygame.key.name(event.key)
    held = [word for word, bit in (("ctrl", pygame.KMOD_CTRL), ("alt", pygame.KMOD_ALT)) if mods & bit]
    composed = bool(mods & pygame.KMOD_ALT) and written != name  # AltGr, which Windows calls Ctrl and Alt
    if (composed or not held) and _is_sign(written):
        return written
    if mods & pygame.KMOD_SHIFT:
        held.append("shift")
    return "+".join([*held, name])


def _is_sign(written: str) -> bool:
    return len(written) == 1 and written.isprintable() and not written.isalpha() and written != " "


class Translator:
    """Turns events into commands.

    Args:
        table: The key table.
        moment_at: Gives the moment whose cell, or place of the scrubber, is at a point.
    """

    def __init__(self, table: Bindings, moment_at: MomentAt) -> None:
        self._table = table
        self._mouse = MouseInput(table, moment_at)
        self._held: set[int] = set()
        self._unwanted = ""  # the letter of the key that opened a box: SDL sends it as text, too

    def commands(self, event: pygame.event.Event, state: ViewState) -> list[Command]:
        """Return what an event asks for in a state."""
        if event.type in MOUSE_EVENTS:
            return self._mouse.commands(event, state)
        match event.type:
            case pygame.KEYDOWN:
                return self._key(event, state)
            case pygame.TEXTINPUT:
                return self._text(event.text, state)
            case pygame.KEYUP:
                self._held.discard(event.key)
            case pygame.VIDEORESIZE:
                return [Resize(event.w, event.h)]
            case pygame.QUIT:
                return [Quit()]
        return []

    def _key(self, event: pygame.event.Event, state: ViewState) -> list[Command]:
        name = self._table.command(state.mode, key_name(event))
        repeated = event.key in self._held
        self._held.add(event.key)
        if name is None or (repeated and not name.startswith(REPEATING)):
            return []
        self._unwanted = getattr(event, "unicode", "") if name in OPENERS else ""
        return [NAMED[name]] if name in NAMED else []

    def _text(self, text: str, state: ViewState) -> list[Command]:
        unwanted, self._unwanted = self._unwanted, ""
        if state.mode not in TYPED or (unwanted and text == unwanted):
            return []
        return [TypeText(text)]
