import numpy as np
import numpy.typing as npt
import pytest

from llmri_server.protection.massive import in_words, massive_activations

TEXTS = {1: "The", 2: ".", 3: "\n", 4: " of", 5: "and"}


def rows(**planted: float) -> npt.NDArray[np.float32]:
    """Return 5 positions x 8 units whose magnitudes are all 0.2, but for those planted: `p0u3=-812`."""
    values = np.where(np.arange(40) % 2, 0.2, -0.2).reshape(5, 8).astype(np.float32)
    for place, value in planted.items():
        position, unit = place[1:].split("u")
        values[int(position), int(unit)] = value
    return values


def test_a_planted_unit_is_found_with_its_value_its_ratio_and_its_tokens() -> None:
    [found] = massive_activations("resid_post", 2, rows(p0u3=-812.0, p2u3=-300.0))
    assert (found.site, found.layer, found.unit) == ("resid_post", 2, 3)
    assert found.value == -812
    assert found.ratio == pytest.approx(4060)
    assert found.positions == (0, 2)


@pytest.mark.parametrize(
    ("value", "count"),
    [(99.0, 0), (190.0, 0), (201.0, 1), (-201.0, 1)],
)
def test_it_takes_more_than_a_hundred_and_a_thousand_times_the_median(value: float, count: int) -> None:
    assert len(list(massive_activations("resid_post", 0, rows(p1u1=value)))) == count


def test_a_large_layer_is_not_massive_because_its_numbers_are_large() -> None:
    assert not list(massive_activations("resid_post", 0, 500 * rows()))


def test_a_layer_that_is_mostly_zero_has_its_large_units_found_without_a_warning() -> None:
    values = np.zeros((4, 6), np.float32)
    values[0, 2], values[1, 4] = 150.0, 5.0
    [found] = massive_activations("resid_mid", 1, values)
    assert found.unit == 2
    assert found.ratio == float("inf")


def test_evidence_names_the_first_token_and_the_texts_of_others_by_their_size() -> None:
    planted = rows(p0u3=812.0, p1u3=250.0, p2u3=-300.0, p3u3=260.0, p4u3=240.0)
    [found] = massive_activations("resid_post", 2, planted)
    said = in_words(found, [1, 2, 3, 4, 5], TEXTS.__getitem__)
    assert said == "812 on the first token, `\\n`, ` of` and 2 more, 4,060 times the median"
