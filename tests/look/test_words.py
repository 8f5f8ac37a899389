"""Numbers and names as the window writes them."""

import pytest

from llmri_look import words
from llmri_protocol.messages import SiteCard


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


def test_a_text_loses_its_last_clauses_first_and_no_quote_is_cut() -> None:
    assert words.clauses("at mlp_act, layers 0-7; 3 not drawn") == (
        "at mlp_act, layers 0-7; 3 not drawn",
        "at mlp_act, layers 0-7",
        "at mlp_act",
    )
    assert words.clauses("in reply to “one, two; three”") == ("in reply to “one, two; three”",)


@pytest.mark.parametrize(("value", "said"), [(0.0, "0.000"), (1.2345, "1.234"), (0.00012, "1.2e-04")])
def test_a_small_divergence_is_not_told_as_none(value: float, said: str) -> None:
    assert words.nats(value) == said
