"""OKLab, a space in which equal distances look equal.

Ottosson (2020), "A perceptual color space for image processing".
"""

from typing import cast

import numpy as np
import numpy.typing as npt

Lab = npt.NDArray[np.float64]

# Linear sRGB to LMS, and its cube root to OKLab.
LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
# sRGB (IEC 61966-2-1): below these, in sRGB and in linear light, the curve is a straight line.
ENCODED_KNEE, LINEAR_KNEE = 0.04045, 0.0031308


def oklab(rgb: npt.ArrayLike) -> Lab:
    """Return lightness (0 to 1), green-red and blue-yellow of sRGB colours, `[colours, 3]` of 0 to 255."""
    share = np.asarray(rgb, np.float64) / 255
    linear = np.where(share <= ENCODED_KNEE, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return cast("Lab", np.cbrt(linear @ LMS.T) @ LAB.T)


def srgb(lab: Lab) -> npt.NDArray[np.uint8]:
    """Return the sRGB colours of OKLab ones, `[colours, 3]`; what sRGB lacks is clipped."""
    linear = (np.linalg.inv(LMS) @ (np.linalg.inv(LAB) @ lab.T) ** 3).T.clip(0, 1)
    rgb = np.where(linear <= LINEAR_KNEE, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(rgb.clip(0, 1) * 255).astype(np.uint8)
