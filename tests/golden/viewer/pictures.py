"""The golden pictures, every view in both themes: `python -m tests.golden.viewer.pictures` remakes them.

The documentation shows these very files.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pygame
from PIL import Image

from llmri_look.colours.theme import ThemeName
from tests.golden.viewer.desk import RecordedDesk
from tests.golden.viewer.recording import CAUSE, CAUSE_CLUSTER

FOLDER = Path(__file__).parents[3] / "docs" / "pictures" / "views"
THEMES: tuple[ThemeName, ...] = ("dark", "light")
SELECT = "click:unit=127 add:unit=300 "
CAUSED = f"/ type:{CAUSE[0]}.{CAUSE[1]} return "
KEYS: Mapping[str, str] = MappingProxyType(
    {
        "grid": SELECT,
        "hebbian": SELECT + "h",
        "circles": f"{CAUSED} o click:cluster={CAUSE_CLUSTER}",
        "spectral": SELECT + "f",
        "spectrogram": SELECT + "f shift+f shift+f",
        "influence": f"{CAUSED} o click:cluster={CAUSE_CLUSTER} n",
        "layers": SELECT + "a",
        "tokens": CAUSED + "k",
        "compare": "v",
        "ablated": "o",
        "difference": "d",
        "help": "f1",
    }
)
"""What is pressed to come to each picture."""


EDITED = frozenset({"compare", "ablated"})  # pictures of the turn under edits


def rendered(name: str, theme: ThemeName) -> Image.Image:
    """Draw one picture."""
    desk = RecordedDesk(theme, edited=name in EDITED)
    try:
        desk.play(KEYS[name])
        surface = desk.window.canvas.surface
        return Image.frombytes("RGB", surface.get_size(), pygame.image.tobytes(surface, "RGB"))
    finally:
        desk.close()


def path(name: str, theme: ThemeName) -> Path:
    """Return the file of a picture."""
    return FOLDER / f"{name}-{theme}.png"


def main() -> None:
    """Remake them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in KEYS:
        for theme in THEMES:
            rendered(name, theme).save(path(name, theme), optimize=True)


if __name__ == "__main__":
    main()
