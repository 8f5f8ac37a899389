import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_clustering.evidence import strongest_tokens, strongest_turns
from llmri_clustering.samples import Samples, TurnText
from tests.clustering.planted import in_turns

ACTIVITIES = st.lists(st.integers(0, 9), min_size=1, max_size=40)


def samples_of(words: str) -> Samples:
    tokens = tuple(f" {word}" for word in words.split())
    count = len(tokens)
    return Samples(
        np.zeros((count, 1), np.float32),
        np.zeros(count, np.int32),
        np.arange(count, dtype=np.int32),
        {0: TurnText(tokens)},
    )


def test_tokens_come_highest_first_with_the_text_around_them() -> None:
    samples = samples_of("the sum of two and three is five , said the old man")
    activity = np.array([0, 1, 0, 5, 4, 3, 0, 0, 0, 0, 0, 4.5, 0])
    found = strongest_tokens(activity, samples, number=2, context=2)
    assert [(label.before, label.text, label.after) for label in found] == [
        (" sum of", " two", " and three"),
        (" said the", " old", " man"),
    ]
    assert [(label.turn, label.token, label.z) for label in found] == [(0, 3, 5.0), (0, 11, 4.5)]


@given(ACTIVITIES, st.integers(0, 4), st.integers(1, 6), st.integers(1, 3))
def test_no_spot_is_listed_twice_and_none_higher_is_left_out(
    values: list[int], context: int, number: int, turns: int
) -> None:
    samples = in_turns(np.zeros((len(values), 1), np.float32), min(turns, len(values)))
    activity = np.array(values, dtype=float)
    found = strongest_tokens(activity, samples, number=number, context=context)
    spots = [(label.turn, label.token) for label in found]
    assert [label.z for label in found] == sorted((label.z for label in found), reverse=True)
    for place, (turn, token) in enumerate(spots):
        assert not any(turn == other and abs(token - at) <= context for other, at in spots[:place])
    for value, turn, token in zip(values, samples.turn.tolist(), samples.token.tolist(), strict=True):
        near = [label.z for label in found if label.turn == turn and abs(label.token - token) <= context]
        if not near or value > max(near):
            assert len(found) == number
            assert value <= found[-1].z


def test_a_turn_without_a_kept_text_still_gives_its_place() -> None:
    samples = Samples(
        np.zeros((1, 1), np.float32), np.array([4], np.int32), np.array([7], np.int32), texts={}
    )
    (label,) = strongest_tokens(np.array([2.0]), samples, number=3, context=5)
    assert (label.turn, label.token, label.text, label.before, label.after) == (4, 7, "", "", "")


def test_turns_come_by_their_mean_not_by_their_single_highest_token() -> None:
    turn = np.array([3, 3, 3, 5, 5, 8], dtype=np.int32)
    activity = np.array([[9.0, 0], [0, 0], [0, 1], [4, 0], [4, 6], [1, 2]])
    first, second = strongest_turns(activity, turn, number=2)
    assert first == ((5, 4.0), (3, 3.0))
    assert [number for number, _ in second] == [5, 8]
    assert second[0][1] == pytest.approx(3.0)
