"""How many screen pixels one pixel of the layout takes."""

from typing import Literal

DensityOption = Literal["auto", 1, 2, 3]
FULL_HIGH = 1080  # lines of a desktop that one pixel a pixel suits
MOST = 3


def scale_of(option: DensityOption, desktop: tuple[int, int]) -> int:
    """Return the scale: the option's, or one for each full 1080 lines of the desktop, at most three.

    Args:
        option: What the options say.
        desktop: Width and height of the desktop in its own pixels; (0, 0) where there is none.
    """
    if option != "auto":
        return option
    return max(1, min(MOST, desktop[1] // FULL_HIGH))
