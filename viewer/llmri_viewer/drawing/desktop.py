"""What goes from the window to the desktop, and comes from there: its picture, and the clipboard's text."""

import pygame


def rgb_of(surface: pygame.Surface) -> bytes:
    """Return the picture's pixels, row after row, three bytes each."""
    return pygame.image.tobytes(surface, "RGB")


def clipboard() -> str:
    """Return the text that was copied last; empty where there is none, or no clipboard."""
    try:
        return pygame.scrap.get_text()
    except pygame.error:
        return ""
