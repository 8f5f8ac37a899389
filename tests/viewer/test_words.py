"""Numbers and names as the window writes them."""

import pytest

from llmri_protocol.messages import SiteCard
from llmri_viewer.wording import words


@pytest.mark.parametrize(
    ("unit", "count", "said"),
    [
        ("MLP neuron", 512, "512 MLP neurons"),
        ("MLP neuron", 1, "1 MLP neuron"),
        ("direction written by attention", 192, "192 directions written by attention"),
        ("expert's probability", 8, "8 expert's probabilities"),
    ],
)
def test_units_are_counted_in_plain_english(unit: str, count: int, said: str) -> None:
    site = SiteCard(name="attn_out", width=count, editable=True, unit=unit)
    assert words.units(site, count) == said


@pytest.mark.parametrize(("text", "said"), [(" fox", " fox"), (" ", "␣"), ("  ", "␣␣"), ("", "(empty)")])
def test_a_token_of_nothing_but_blanks_can_be_seen(text: str, said: str) -> None:
    assert words.token(text) == said
