import pytest

from llmri_look.colours.theme import THEMES, Theme, blend, luminance
from llmri_viewer.drawing import marks
from llmri_viewer.drawing.panels import strip

LEAST = 4.5  # WCAG 2.2, success criterion 1.4.3, for text of ordinary size


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: str(theme.name))
def test_every_ink_can_be_read_on_every_ground(theme: Theme) -> None:
    for ground in (theme.background, theme.panel, theme.raised):
        for ink in (theme.text, theme.dim, theme.warning, theme.accent, theme.boosted, theme.ablated):
            assert contrast(ink, ground) >= LEAST, (ink, ground)


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: str(theme.name))
def test_text_can_be_read_on_every_tint(theme: Theme) -> None:
    for share in (0.1, 0.5, 1.0):
        assert contrast(theme.text, blend(theme.accent, theme.raised, strip.TINT * share)) >= LEAST
    assert contrast(theme.text, blend(theme.accent, theme.panel, 0.25)) >= LEAST, "the shown layer's row"


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: str(theme.name))
def test_a_mark_on_an_edited_cell_can_be_seen(theme: Theme) -> None:
    for tint in (theme.boosted, theme.ablated):
        for value in ((0, 0, 0), (128, 128, 128), (255, 255, 255)):
            ground = blend(tint, value, marks.TINT)
            assert contrast(marks.ink_on(ground), ground) >= LEAST


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: str(theme.name))
def test_only_boosted_is_green_and_only_ablated_is_red(theme: Theme) -> None:
    def leans(colour: tuple[int, int, int], part: int) -> bool:
        others = [value for at, value in enumerate(colour) if at != part]
        return colour[part] > 1.5 * max(others)

    inks = {name: getattr(theme, name) for name in ("text", "dim", "accent", "warning", "boosted", "ablated")}
    assert {name for name, ink in inks.items() if leans(ink, 0)} <= {"ablated", "warning"}
    assert leans(theme.ablated, 0)
    assert {name for name, ink in inks.items() if leans(ink, 1)} == {"boosted"}
