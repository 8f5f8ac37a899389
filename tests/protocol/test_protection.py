from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_protocol.messages import ModelCard, Notice, ProtectedUnit, ProtectionTest, SiteCard
from llmri_protocol.protection import BROKEN_OFF, MOST, SEARCHING, found_in_words, phase_of, with_found

WIDTH, LAYERS = 64, 9
SITES = ("resid_pre", "resid_post", "mlp_act")
CARD = ModelCard(
    name="m",
    runtime="r",
    family="f",
    layers=LAYERS,
    hidden_size=WIDTH,
    heads=1,
    vocabulary=10,
    context=10,
    dtype="f32",
    device="cpu",
    chat=True,
    sites=tuple(SiteCard(name=site, width=WIDTH, editable=True, unit="unit") for site in SITES),
)
TESTS: tuple[ProtectionTest, ...] = ("massive", "loss", "list")
PLACES = st.tuples(st.sampled_from(SITES), st.integers(0, LAYERS - 1), st.integers(0, WIDTH - 1))


def notice(message: str) -> Notice:
    return Notice(level="info", message=message)


def unit(site: str, layer: int, number: int, test: ProtectionTest = "massive") -> ProtectedUnit:
    return ProtectedUnit(site=site, layer=layer, unit=number, test=test, evidence="seen")


def places(units: Sequence[ProtectedUnit]) -> set[tuple[str, int, int, str]]:
    return {(each.site, each.layer, each.unit, each.test) for each in units}


def test_units_are_told_by_the_layers_they_are_found_in() -> None:
    units = [unit("resid_post", layer, 5) for layer in (4, 2, 3, 7)] + [unit("mlp_act", 1, 63, "loss")]
    said = (
        "protected from now on: unit 5 of `resid_post` in layers 2-4,7 (massive); "
        "unit 63 of `mlp_act` in layer 1 (loss)"
    )
    assert found_in_words(units) == said


@given(st.dictionaries(PLACES, st.sampled_from(TESTS), min_size=1, max_size=30))
def test_what_is_told_is_what_a_client_reads(found: dict[tuple[str, int, int], ProtectionTest]) -> None:
    units = [unit(*place, test) for place, test in found.items()]
    assert places(with_found(CARD, notice(found_in_words(units))).protected) == places(units)


def test_what_was_known_stays_as_it_was() -> None:
    known = unit("resid_post", 0, 1)
    card = with_found(with_found(CARD, notice(found_in_words([known]))), notice(found_in_words([known])))
    assert len(card.protected) == 1


@pytest.mark.parametrize(
    "sentence",
    [
        "protected from now on: unit 64 of `mlp_act` in layer 0 (loss)",
        "protected from now on: unit 1 of `z` in layer 0 (loss)",
        "protected from now on: unit 1 of `mlp_act` in layers 9-12 (loss)",
        "protected from now on: unit 1 of `mlp_act` in layers 5-,-3,x (loss)",
        "a turn said: unit 1 of `mlp_act` in layer 0 (loss)",
        "",
    ],
)
def test_nothing_is_made_of_what_the_model_lacks_or_another_notice(sentence: str) -> None:
    assert with_found(CARD, notice(sentence)) is CARD


def test_a_huge_notice_gives_bounded_units() -> None:
    card = ModelCard(**{name: getattr(CARD, name) for name in CARD.__struct_fields__} | {"layers": 2**19})
    said = "protected from now on: unit 1 of `mlp_act` in layers 0-9999999 (loss)"
    assert len(with_found(card, notice(said)).protected) == MOST


@pytest.mark.parametrize(
    ("sentence", "phase"),
    [
        (f"{SEARCHING}: 1 of 2 passes", "searching"),
        (found_in_words([]), "over"),
        (found_in_words([unit("mlp_act", 0, 0)]), "over"),
        (f"{BROKEN_OFF} was stopped", "over"),
        ("4 scans were dropped", None),
    ],
)
def test_a_notice_says_how_far_the_search_is(sentence: str, phase: str | None) -> None:
    assert phase_of(notice(sentence)) == phase
