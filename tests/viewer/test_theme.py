import pytest

from llmri_viewer.theme import THEMES, Theme, luminance


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: str(theme.name))
def test_every_ink_can_be_read_on_every_ground(theme: Theme) -> None:
    for ground in (theme.background, theme.panel, theme.raised):
        for ink in (theme.text, theme.dim, theme.warning, theme.accent):
            assert contrast(ink, ground) >= 4.5, (ink, ground)
        for ink in (theme.boosted, theme.ablated):
            assert contrast(ink, ground) >= 3.0, (ink, ground)


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: str(theme.name))
def test_only_boosted_is_green_and_only_ablated_is_red(theme: Theme) -> None:
    def leans(colour: tuple[int, int, int], part: int) -> bool:
        others = [value for at, value in enumerate(colour) if at != part]
        return colour[part] > 1.5 * max(others)

    inks = {name: getattr(theme, name) for name in ("text", "dim", "accent", "warning", "boosted", "ablated")}
    assert {name for name, ink in inks.items() if leans(ink, 0)} <= {"ablated", "warning"}
    assert leans(theme.ablated, 0)
    assert {name for name, ink in inks.items() if leans(ink, 1)} == {"boosted"}
