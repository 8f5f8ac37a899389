import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri.cluster.numbers import groups, named, numbers, span
from llmri.cluster.summary import spans


def test_numbers_are_read_as_people_write_them() -> None:
    assert numbers("0-3") == (0, 1, 2, 3)
    assert numbers("4,3, 4") == (3, 4)
    assert numbers("0-1,7") == (0, 1, 7)
    assert span("8-256") == (8, 256)
    assert named("mathematics = 1-3") == ("mathematics", (1, 2, 3))


@pytest.mark.parametrize("text", ["", "a", "3-", "-3", "5-2", "1,,2", "1-2-3", "0-9999999999", "²"])
def test_what_is_no_number_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected something such as|is no range"):
        numbers(text)


@pytest.mark.parametrize("text", ["1-10", "=1-10", "sums"])
def test_turns_need_a_name(text: str) -> None:
    with pytest.raises(ValueError, match="names no turns"):
        named(text)


def test_a_group_named_twice_is_one() -> None:
    assert groups(["sums=4", "tales=2-3", "sums=1,5-6"]) == {"sums": (1, 4, 5, 6), "tales": (2, 3)}


@pytest.mark.parametrize("texts", [["sums=0-3"], ["sums=1-3", "tales=3"]])
def test_a_turn_has_one_name_and_is_counted_from_1(texts: list[str]) -> None:
    with pytest.raises(ValueError, match=r"counted from 1|two names"):
        groups(texts)


@given(st.sets(st.integers(0, 300), min_size=1))
def test_what_is_written_reads_back(chosen: set[int]) -> None:
    assert numbers(spans(sorted(chosen))) == tuple(sorted(chosen))
