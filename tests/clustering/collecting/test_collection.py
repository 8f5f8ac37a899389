"""Which scans become samples, which of them are kept, and what is said of the others."""

import numpy as np
import pytest

from llmri_clustering.collecting import Collection, Transcript
from llmri_clustering.samples import TurnText
from llmri_clustering.units import UnitSet

UNITS = UnitSet.of_layers("mlp_act", (0, 1), 3)


def collection(keep: int = 100, transcript: Transcript | None = None) -> Collection:
    return Collection(UNITS, left_out=np.zeros(6, np.bool_), keep=keep, transcript=transcript)


def row(value: float) -> np.ndarray:
    return np.full(6, value, np.float32)


def test_first_tokens_joined_turns_and_broken_scans_are_left_out_and_told() -> None:
    ours = collection()
    assert not ours.scan(9, 4, row(1))
    ours.transcript.begin(1)
    ours.transcript.begin(2, counts=False)
    assert not ours.scan(1, 0, row(1))
    assert not ours.scan(2, 3, row(1))
    for broken in (row(np.inf), row(1)[:5], None):
        assert not ours.scan(1, 1, broken)
    assert ours.scan(1, 2, row(2))
    assert ours.tally.left_out() == (
        "the first token of each sequence: 1 scan",
        "turns that had begun before: 1 scan",
        "turns that somebody else began: 1 scan",
        "scans with a value that is not finite, or of another shape: 3 scans",
    )
    assert (ours.count, ours.samples().values.tolist()) == (1, [[2.0] * 6])


def test_collections_of_two_sites_hear_the_same_turns() -> None:
    turns = Transcript()
    one, other = collection(transcript=turns), collection(transcript=turns)
    turns.begin(5, "sums")
    turns.add(5, 1, " plus")
    one.scan(5, 1, row(1))
    assert one.texts() == {5: TurnText(("", " plus"), "sums")}
    assert other.texts() == {}
    for each in (one, other):
        each.end(5)
    assert (one.turns, other.turns) == (1, 0)


def test_what_was_taken_at_one_moment_stays_while_more_arrives() -> None:
    ours = collection(keep=10)
    ours.transcript.begin(1)
    for token in range(1, 11):
        ours.scan(1, token, row(token))
    taken = ours.in_order()
    for token in range(11, 500):
        ours.scan(1, token, row(token))
    assert [scan.token for scan in taken] == list(range(1, 11))
    assert [float(scan.values[0]) for scan in taken] == [float(token) for token in range(1, 11)]
    tokens = [scan.token for scan in ours.in_order()]
    assert tokens == sorted(tokens)
    assert (len(tokens), ours.count, ours.kept) == (10, 499, 10)
    assert max(tokens) > 10


def test_samples_that_came_under_edits_are_warned_of() -> None:
    ours = collection()
    ours.transcript.begin(1)
    ours.edited = True
    ours.scan(1, 1, row(1))
    ours.edited = False
    ours.scan(1, 2, row(1))
    assert ours.tally.warnings() == ("1 sample came while units of the model were edited.",)


def test_the_oldest_texts_go_and_their_turns_still_count_as_begun() -> None:
    turns = Transcript(most=2)
    for turn in (1, 2, 3):
        turns.begin(turn)
        turns.add(turn, 0, str(turn))
    assert [turns.text(turn).tokens for turn in (1, 2, 3)] == [(), ("2",), ("3",)]
    assert turns.begun(1)


@pytest.mark.parametrize("token", [1 << 20, 1 << 62])
def test_a_token_number_beyond_all_sense_takes_no_memory(token: int) -> None:
    turns = Transcript()
    turns.begin(1)
    turns.add(1, token, "x")
    assert turns.text(1).tokens == ()


def test_tokens_that_a_turn_only_reads_again_are_left_out_where_that_is_asked_for() -> None:
    words = (("<s>", "What", "?", "One", "."), ("<s>", "What", "?", "One", "!", "And"))
    for read_again, wanted in ((True, 4 + 5), (False, 4 + 2)):
        ours = Collection(UNITS, left_out=np.zeros(6, np.bool_), keep=100, read_again=read_again)
        for turn, text in enumerate(words):
            ours.transcript.begin(turn)
            for token, word in enumerate(text):
                ours.transcript.add(turn, token, word)
            for token in range(len(text)):
                ours.scan(turn, token, row(token))
        assert ours.count == wanted
        assert ours.tally.read_again == (0 if read_again else 3)
        assert ours.samples().token[-2:].tolist() == [4, 5]


def test_what_another_site_read_is_not_read_again_here() -> None:
    turns = Transcript()
    here, there = (
        Collection(UNITS, left_out=np.zeros(6, np.bool_), keep=100, transcript=turns, read_again=False)
        for _ in range(2)
    )
    for turn, listening in ((1, here), (2, there), (3, there)):
        turns.begin(turn)
        for token, word in enumerate(("<s>", "What", "?")):
            turns.add(turn, token, word)
            listening.scan(turn, token, row(token))
    assert (here.count, there.count, there.tally.read_again) == (2, 2, 2)
