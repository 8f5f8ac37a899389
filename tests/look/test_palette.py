"""Cluster colours can be told from edits, from the ground, and from their neighbours."""

import colorsys
from itertools import pairwise

import pytest

from llmri_look.colours import palette
from llmri_look.colours.theme import THEMES, Colour, ThemeName, luminance

LEAST_CONTRAST = 2.4  # of a ring on the ground (WCAG's 3 for graphics would leave no yellow on white)


def hue(colour: Colour) -> float:
    return 360 * colorsys.rgb_to_hsv(*(part / 255 for part in colour))[0]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_cluster_is_green_or_red(theme: ThemeName) -> None:
    for colour in palette.colours(theme):
        assert 15 < hue(colour) < 75 or 185 < hue(colour) < 345, colour


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_rings_stand_out_from_the_ground(theme: ThemeName) -> None:
    ground = luminance(THEMES[theme].background)
    for colour in palette.colours(theme):
        low, high = sorted((ground, luminance(colour)))
        assert (high + 0.05) / (low + 0.05) >= LEAST_CONTRAST, colour


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_colours_differ_most_of_all_from_the_next(theme: ThemeName) -> None:
    known = palette.colours(theme)
    assert len(set(known)) == len(known)
    for one, other in pairwise(known):
        assert sum(abs(a - b) for a, b in zip(one, other, strict=True)) > 90


def test_a_number_keeps_its_colour() -> None:
    assert palette.of_cluster(3, "dark") == palette.of_cluster(3 + len(palette.colours("dark")), "dark")
