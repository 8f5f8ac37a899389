"""Every view looks as it did, in both themes. `make pictures` remakes the files after a wanted change.

Letters and lines may be smoothed a little differently on another machine: of a picture's pixels at most
0.2 % may differ by more than 24 of 255 levels in a channel.
"""

import numpy as np
import pytest
from PIL import Image

from llmri_look.colours.theme import ThemeName
from tests.golden.viewer.pictures import FOLDER, KEYS, THEMES, path, rendered

LEVELS, SHARE = 24, 0.002


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", KEYS)
def test_a_picture_is_as_it_was(name: str, theme: ThemeName) -> None:
    before = np.asarray(Image.open(path(name, theme)).convert("RGB"), np.int16)
    now = np.asarray(rendered(name, theme), np.int16)
    assert now.shape == before.shape
    differing = (np.abs(now - before).max(axis=2) > LEVELS).mean()
    assert differing <= SHARE, f"{differing:.2%} of the pixels differ; if that is wanted: make pictures"


def test_no_picture_is_left_over() -> None:
    assert {file.name for file in FOLDER.glob("*.png")} == {path(n, t).name for n in KEYS for t in THEMES}
