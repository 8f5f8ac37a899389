"""What panels draw on: boxes, lines, pictures and text on a pygame surface."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import pygame

from llmri_viewer.colour import Bytes
from llmri_viewer.drawing.fonts import Face, Fonts
from llmri_viewer.drawing.rings import Ring, RingStyle, lay
from llmri_viewer.geometry import Box
from llmri_viewer.theme import SMALL, Colour, Theme

Align = Literal["left", "right", "centre"]
Point = tuple[float, float]


@dataclass(frozen=True)
class Written:
    """A text that was drawn: the room it had and the pixels it took."""

    text: str
    room: Box
    taken: Box


class Canvas:
    """A surface with a theme and fonts. Every text is elided to its box and noted in `written`."""

    def __init__(self, surface: pygame.Surface, theme: Theme, fonts: Fonts) -> None:
        self.surface = surface
        self.theme = theme
        self.fonts = fonts
        self.written: list[Written] = []

    def fill(self, box: Box, colour: Colour, radius: int = 0) -> None:
        """Fill a box."""
        pygame.draw.rect(self.surface, colour, box, border_radius=radius)

    def outline(self, box: Box, colour: Colour, thick: int = 1, radius: int = 0) -> None:
        """Draw a box's edge, inside it."""
        pygame.draw.rect(self.surface, colour, box, thick, border_radius=radius)

    def line(self, start: Point, end: Point, colour: Colour, thick: int = 1) -> None:
        """Draw a straight line."""
        pygame.draw.line(self.surface, colour, start, end, thick)

    def curve(self, points: list[Point], colour: Colour) -> None:
        """Draw a smooth line through points."""
        if len(points) > 1:
            pygame.draw.aalines(self.surface, colour, False, points)

    def dot(self, at: Point, radius: int, colour: Colour) -> None:
        """Draw a filled circle."""
        pygame.draw.aacircle(self.surface, colour, (round(at[0]), round(at[1])), radius)

    def colour_at(self, at: tuple[int, int]) -> Colour:
        """Give the colour of a pixel, black outside the surface."""
        if not self.surface.get_rect().collidepoint(at):
            return 0, 0, 0
        red, green, blue, _ = self.surface.get_at(at)
        return red, green, blue

    def veil(self, box: Box, colour: Colour, opacity: float) -> None:
        """Lay a colour over a box, that much of it opaque."""
        sheet = pygame.Surface((box.width, box.height))
        sheet.fill(colour)
        sheet.set_alpha(round(255 * opacity))
        self.surface.blit(sheet, (box.x, box.y))

    def picture(self, rgb: Bytes, box: Box) -> None:
        """Draw an image, `[rows, columns, 3]`, stretched to a box without smoothing."""
        image = pygame.image.frombuffer(rgb.tobytes(), (rgb.shape[1], rgb.shape[0]), "RGB")
        self.surface.blit(pygame.transform.scale(image, (box.width, box.height)), (box.x, box.y))

    def pixels(self, rgb: npt.NDArray[np.uint32], box: Box) -> None:
        """Draw an image as large as its box, `[rows, columns]`; a pixel is a number, red its lowest byte."""
        image = pygame.image.frombuffer(rgb.tobytes(), (rgb.shape[1], rgb.shape[0]), "RGBX")
        self.surface.blit(image, (box.x, box.y))

    def sheet(self, image: pygame.Surface, box: Box) -> None:
        """Lay a partly transparent image over a box."""
        self.surface.blit(image, (box.x, box.y))

    def circle(self, at: Point, radius: float, colour: Colour) -> None:
        """Draw a circle's edge."""
        pygame.draw.aacircle(self.surface, colour, at, radius, 1)

    def disc(self, at: Point, radius: float, colour: Colour) -> None:
        """Draw a filled circle with hard edges, which is quick."""
        pygame.draw.circle(self.surface, colour, at, radius)

    def ring(self, at: Point, radius: int, colour: Colour, *, dashed: bool = False, thick: int = 2) -> None:
        """Draw a small sign of a circle, whole or dashed, its colour the edge's."""
        image = _ring(radius, colour, dashed, thick)
        side = image.get_width()
        self.surface.blit(image, (round(at[0]) - side // 2, round(at[1]) - side // 2))

    def paragraph(
        self, box: Box, text: str, row: int, *, colour: Colour | None = None, align: Align = "left"
    ) -> int:
        """Write text in as many rows as it needs and the box has; give their height together."""
        lines = self.fonts.wrapped(text, "sans", SMALL, box.width)
        fitting = min(len(lines), box.height // row)
        for number, line in enumerate(lines[:fitting]):
            cut = number == fitting - 1 and fitting < len(lines)
            place = box.row(number * row, row)
            self.text(
                place, f"{line} {' '.join(lines[fitting:])}" if cut else line, colour=colour, align=align
            )
        return fitting * row

    def tail(self, text: str, face: Face, room: int) -> str:
        """Give the end of a text that fits so many pixels, with an ellipsis where it was cut."""
        return self.fonts.tail(text, face, SMALL, room)

    def text(
        self,
        box: Box,
        text: str,
        *,
        colour: Colour | None = None,
        size: int = SMALL,
        face: Face = "sans",
        align: Align = "left",
    ) -> int:
        """Write one line, vertically in the middle of its box; give its width in pixels."""
        fitted = self.fonts.fitted(text, face, size, box.width)
        if not fitted:
            return 0
        drawn = self.fonts.render(fitted, face, size, colour or self.theme.text)
        spare = box.width - drawn.get_width()
        x = box.x + {"left": 0, "right": spare, "centre": spare // 2}[align]
        y = box.y + (box.height - drawn.get_height()) // 2
        self.surface.blit(drawn, (x, y))
        self.written.append(Written(fitted, box, Box(x, y, drawn.get_width(), drawn.get_height())))
        return drawn.get_width()

    def width(self, text: str, face: Face = "sans", size: int = SMALL) -> int:
        """Give the width text would take, in pixels."""
        return self.fonts.width(text, face, size)

    def clip(self, box: Box | None) -> None:
        """Draw inside a box only, until called with None."""
        self.surface.set_clip(pygame.Rect(box) if box else None)


@lru_cache(maxsize=32)
def _ring(radius: int, colour: Colour, dashed: bool, thick: int) -> pygame.Surface:
    side = 2 * radius + 2
    sheet = np.zeros((side, side, 4), np.uint8)
    lay(sheet, Ring(side / 2, side / 2, radius, RingStyle(thick, colour, dashed)))
    return pygame.image.frombuffer(sheet.tobytes(), (side, side), "RGBA")
