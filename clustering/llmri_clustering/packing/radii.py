"""What may be a radius."""

import numpy as np
import numpy.typing as npt


def checked_radii(radii: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return radii as `float64 [circles]`.

    Raises:
        ValueError: They are not one row, or one is negative, infinite or not a number.
    """
    checked = np.asarray(radii, dtype=np.float64)
    if checked.ndim != 1:
        raise ValueError(f"radii have the shape {list(checked.shape)}, expected [circles]")
    wrong = np.flatnonzero(~(np.isfinite(checked) & (checked >= 0)))
    if len(wrong):
        raise ValueError(
            f"radius {wrong[0]} is {checked[wrong[0]]}, expected a finite number that is not negative"
        )
    return checked
