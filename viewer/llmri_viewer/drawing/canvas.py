"""What panels draw on: boxes, lines, pictures and text on a pygame surface.

Places and sizes are the layout's pixels. A canvas of scale 2 or 3 draws each with as many of the screen's,
and letters, circles and images at the screen's own fineness.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pygame

from llmri_look.colours.colour import Bytes
from llmri_look.colours.theme import SMALL, Colour, Theme
from llmri_viewer.drawing.aside import Aside
from llmri_viewer.drawing.lettering.fonts import Face, Fonts
from llmri_viewer.drawing.rings import Ring, RingStyle, lay
from llmri_viewer.model.layout.geometry import Box

Align = Literal["left", "right", "centre"]
Point = tuple[float, float]
RING = 2  # pixels that the edge of a circle's sign takes


class Written(NamedTuple):
    """A text that was drawn: the room it had and the pixels it took."""

    text: str
    room: Box
    taken: Box


class Canvas:
    """A surface with a theme and fonts. Every text is elided to its box and noted in `written`.

    `scale` is how many of the surface's pixels one of the layout's takes, across and down; `spelled` puts
    keys into a sentence that names commands in braces; `aside` makes what takes longer than a frame.
    """

    def __init__(self, surface: pygame.Surface, theme: Theme, fonts: Fonts, scale: int = 1) -> None:
        self.surface = surface
        self.theme = theme
        self.fonts = fonts
        self.scale = scale
        self.spelled: Callable[[str], str] = str
        self.written: list[Written] = []
        self.aside = Aside()
        self._scratch: pygame.Surface | None = None

    def fine(self, box: Box) -> Box:
        """Return a box in the surface's own pixels."""
        return box if self.scale == 1 else Box(*(round(self.scale * part) for part in box))

    def fill(self, box: Box, colour: Colour, radius: int = 0) -> None:
        """Fill a box."""
        pygame.draw.rect(self.surface, colour, self.fine(box), border_radius=self.scale * radius)

    def cover(self, box: Box, colour: Colour, radius: int = 0) -> None:
        """Fill a box that stands over others; text under it is not to be read any more."""
        self.fill(box, colour, radius)
        self.written[:] = [text for text in self.written if not _meet(text.taken, box)]

    def outline(self, box: Box, colour: Colour, thick: int = 1, radius: int = 0) -> None:
        """Draw a box's edge, inside it."""
        fine = self.fine(box)
        pygame.draw.rect(self.surface, colour, fine, self.scale * thick, border_radius=self.scale * radius)

    def line(self, start: Point, end: Point, colour: Colour, thick: int = 1) -> None:
        """Draw a straight line."""
        if self.scale == 1:
            pygame.draw.line(self.surface, colour, start, end, thick)
            return
        (x, y), (right, bottom) = (self._middle(point) for point in (start, end))
        if x == right or y == bottom:  # exactly as many pixels, whatever pygame does with even numbers
            half, width = self.scale * (thick // 2) + self.scale / 2, self.scale * thick
            left, top = min(x, right) - half, min(y, bottom) - half
            across, down = abs(right - x) + self.scale, abs(bottom - y) + self.scale
            size = (width, down) if x == right else (across, width)
            pygame.draw.rect(self.surface, colour, (round(left), round(top), *map(round, size)))
        else:
            pygame.draw.line(self.surface, colour, (x, y), (right, bottom), self.scale * thick)

    def curve(self, points: list[Point], colour: Colour) -> None:
        """Draw a smooth line through points."""
        if len(points) > 1:
            for lower in range(self.scale):
                fine = [(self.scale * x, self.scale * y + lower) for x, y in points]
                pygame.draw.aalines(self.surface, colour, False, fine)

    def polygon(self, corners: list[Point], colour: Colour) -> None:
        """Fill a shape with straight edges."""
        fine = [self._middle(corner) for corner in corners]
        pygame.draw.polygon(self.surface, colour, fine)
        pygame.draw.aalines(self.surface, colour, True, fine)

    def dot(self, at: Point, radius: int, colour: Colour) -> None:
        """Draw a filled circle."""
        x, y = self._middle((round(at[0]), round(at[1])))
        pygame.draw.aacircle(self.surface, colour, (int(x), int(y)), self.scale * radius)

    def colour_at(self, at: tuple[int, int]) -> Colour:
        """Return the colour of a pixel, black outside the surface."""
        at = (self.scale * at[0], self.scale * at[1])
        if not self.surface.get_rect().collidepoint(at):
            return 0, 0, 0
        red, green, blue, _ = self.surface.get_at(at)
        return red, green, blue

    def veil(self, box: Box, colour: Colour, opacity: float) -> None:
        """Lay a colour over a box, that much of it opaque."""
        fine = self.fine(box)
        if fine.width <= 0 or fine.height <= 0:
            return
        sheet = pygame.Surface((fine.width, fine.height))
        sheet.fill(colour)
        sheet.set_alpha(round(255 * opacity))
        self.surface.blit(sheet, (fine.x, fine.y))

    def levels(self, image: Bytes, palette: Sequence[Colour], box: Box) -> None:
        """Draw an 8-bit image, `[rows, columns]`, in a palette's 256 colours, stretched without smoothing."""
        image = np.ascontiguousarray(image)
        sheet = pygame.image.frombuffer(image.data, (image.shape[1], image.shape[0]), "P")
        sheet.set_palette(palette)
        self._stretch(sheet, self.fine(box))

    def picture(self, rgb: Bytes, box: Box) -> None:
        """Draw an image, `[rows, columns, 3]`, stretched to a box without smoothing."""
        image = pygame.image.frombuffer(rgb.tobytes(), (rgb.shape[1], rgb.shape[0]), "RGB")
        self._stretch(image, self.fine(box))

    def _stretch(self, image: pygame.Surface, place: Box) -> None:
        """Draw an image over a place of the surface, straight into it where all of that may be drawn on."""
        if place.width <= 0 or place.height <= 0:
            return
        if image.get_size() == (place.width, place.height):
            self.surface.blit(image, (place.x, place.y))
            return
        plain = self._plain(image)
        if self.surface.get_clip().contains(place):
            pygame.transform.scale(plain, (place.width, place.height), self.surface.subsurface(place))
        else:
            scaled = pygame.transform.scale(plain, (place.width, place.height))
            self.surface.blit(scaled, (place.x, place.y))

    def _plain(self, image: pygame.Surface) -> pygame.Surface:
        """Return an image in the surface's format, while it has few pixels; it holds until the next call."""
        if self._scratch is None or self._scratch.get_size() != image.get_size():
            self._scratch = pygame.Surface(image.get_size(), 0, self.surface)  # new memory takes its time
        self._scratch.blit(image, (0, 0))
        return self._scratch

    def pixels(self, rgb: npt.NDArray[np.uint32], box: Box) -> None:
        """Draw an image as fine as the surface, `[rows, columns]`.

        A pixel is a number, red its lowest byte. The corner is the box's; the image may be smaller.
        """
        rgb = np.ascontiguousarray(rgb)
        image = pygame.image.frombuffer(rgb.data, (rgb.shape[1], rgb.shape[0]), "RGBX")
        self.sheet(image, box)

    def sheet(self, image: pygame.Surface, box: Box) -> None:
        """Lay a partly transparent image, as fine as the surface, over a box."""
        self.surface.blit(image, (self.scale * box.x, self.scale * box.y))

    def circle(self, at: Point, radius: float, colour: Colour) -> None:
        """Draw a circle's edge."""
        fine = (self.scale * at[0], self.scale * at[1])
        pygame.draw.aacircle(self.surface, colour, fine, self.scale * radius, self.scale)

    def discs(self, circles: npt.NDArray[np.float64], colours: Bytes) -> None:
        """Draw filled circles with hard edges, which is quick; x, y and radius, `[circles, 3]`."""
        surface, draw = self.surface, pygame.draw.circle
        for (x, y, radius), colour in zip((self.scale * circles).tolist(), colours.tolist(), strict=True):
            draw(surface, colour, (x, y), radius)

    def ring(self, at: Point, radius: int, colour: Colour, *, dashed: bool = False) -> None:
        """Draw a small sign of a circle, whole or dashed, its colour the edge's."""
        image = _ring(self.scale * radius, colour, dashed, self.scale * RING)
        side = image.get_width()
        x, y = round(self.scale * at[0]), round(self.scale * at[1])
        self.surface.blit(image, (x - side // 2, y - side // 2))

    def lines(self, text: str, room: int) -> int:
        """Count the rows that a paragraph of so many pixels takes."""
        return len(self.fonts.wrapped(text, "sans", self.scale * SMALL, self.scale * room))

    def paragraph(
        self, box: Box, text: str, row: int, *, colour: Colour | None = None, align: Align = "left"
    ) -> int:
        """Write text in as many rows as it needs and the box has; give their height together."""
        lines = self.fonts.wrapped(text, "sans", self.scale * SMALL, self.scale * box.width)
        fitting = min(len(lines), box.height // row)
        for number, line in enumerate(lines[:fitting]):
            cut = number == fitting - 1 and fitting < len(lines)
            place = box.row(number * row, row)
            self.text(
                place, f"{line} {' '.join(lines[fitting:])}" if cut else line, colour=colour, align=align
            )
        return fitting * row

    def tail(self, text: str, face: Face, room: int) -> str:
        """Return the end of a text that fits so many pixels, with an ellipsis where it was cut."""
        return self.fonts.tail(text, face, self.scale * SMALL, self.scale * room)

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
        room = self.fine(box)
        fitted = self.fonts.fitted(text, face, self.scale * size, room.width)
        if not fitted:
            return 0
        drawn = self.fonts.render(fitted, face, self.scale * size, colour or self.theme.text)
        width, height = drawn.get_size()
        x, y = room.x, room.y + (room.height - height) // 2
        if align != "left":
            x += room.width - width if align == "right" else (room.width - width) // 2
        self.surface.blit(drawn, (x, y))
        taken = self._coarse(Box(x, y, width, height))
        self.written.append(Written(fitted, box, taken))
        return taken.width

    def width(self, text: str, face: Face = "sans", size: int = SMALL) -> int:
        """Return the width text would take, in pixels."""
        return math.ceil(self.fonts.width(text, face, self.scale * size) / self.scale)

    def fitting(self, texts: Iterable[str], room: int, face: Face = "sans") -> str:
        """Return the first of some texts that takes so many pixels at most, an empty one if none does."""
        return next((text for text in texts if self.width(text, face) <= room), "")

    def clip(self, box: Box | None) -> None:
        """Draw inside a box only, until called with None."""
        self.surface.set_clip(pygame.Rect(self.fine(box)) if box else None)

    def _middle(self, point: Point) -> Point:
        """Return the middle of a pixel of the layout, in the surface's."""
        return self.scale * point[0] + (self.scale - 1) / 2, self.scale * point[1] + (self.scale - 1) / 2

    def _coarse(self, box: Box) -> Box:
        """Return a box of the surface in the layout's pixels."""
        if self.scale == 1:
            return box
        left, top = box.x // self.scale, box.y // self.scale
        return Box(left, top, math.ceil(box.width / self.scale), math.ceil(box.height / self.scale))


def _meet(one: Box, other: Box) -> bool:
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


@lru_cache(maxsize=32)
def _ring(radius: int, colour: Colour, dashed: bool, thick: int) -> pygame.Surface:
    side = 2 * radius + 2
    sheet = np.zeros((side, side, 4), np.uint8)
    lay(sheet, Ring(side / 2, side / 2, radius, RingStyle(thick, colour, dashed)))
    return pygame.image.frombuffer(sheet.tobytes(), (side, side), "RGBA")
