import pytest

from llmri_server.service.transcript import TURNS_KEPT, NothingReadError, Told, Transcript, UnknownPlaceError

PROMPT = (11, 12, 13, 14)


@pytest.fixture
def transcript() -> Transcript:
    return Transcript()


def test_without_a_turn_there_is_no_place(transcript: Transcript) -> None:
    for turn in (None, 1):
        with pytest.raises(NothingReadError, match="nothing was said yet"):
            transcript.place(turn)


def test_tokens_are_counted_from_the_first_that_was_new(transcript: Transcript) -> None:
    transcript.add(1, Told(PROMPT, read=3, chosen=(70, 71, 72)))
    place = transcript.place(1, 0)
    assert (place.ids, place.came, place.prompt) == (PROMPT[:2], PROMPT[2], 4)
    place = transcript.place(1, 4)
    assert (place.ids, place.came, place.prompt) == ((*PROMPT, 70, 71), 72, 4)


def test_the_newest_is_the_last_token_that_was_read(transcript: Transcript) -> None:
    transcript.add(1, Told((5, 6), read=2, chosen=(70, 71)))
    transcript.add(2, Told((5, 7), read=2))
    first, newest = transcript.place(1), transcript.place()
    assert (first.token, first.came) == (2, 71)
    assert (newest.turn, newest.token, newest.came) == (2, 1, None)


@pytest.mark.parametrize(
    "lost", [Told((), 0, lost="left no room for a reply"), Told((5, 6, 9), 1, (8,), lost="failed")]
)
def test_the_newest_is_a_part_of_the_conversation(transcript: Transcript, lost: Told) -> None:
    transcript.add(1, Told((5, 6), read=2, chosen=(70, 71), begins=True))
    transcript.add(2, lost)
    assert transcript.place().turn == 1
    assert transcript.place().ids == (5, 6, 70)


def test_an_earlier_conversation_is_not_this_one(transcript: Transcript) -> None:
    transcript.add(1, Told((5, 6), read=2, chosen=(70, 71), begins=True))
    transcript.add(2, Told((), 0, begins=True, lost="left no room for a reply"))
    with pytest.raises(NothingReadError, match="turn 2 left no room for a reply; chat again, or give a text"):
        transcript.place()
    assert transcript.place(1).ids == (5, 6, 70)


def test_a_turn_that_failed_has_the_tokens_that_were_told(transcript: Transcript) -> None:
    transcript.add(1, Told((5, 6), read=2, chosen=(70, 71), begins=True, lost="failed"))
    place = transcript.place(1, 3)
    assert (place.ids, place.prompt) == ((5, 6, 70, 71), 2)


def test_a_turn_that_read_nothing_says_so(transcript: Transcript) -> None:
    transcript.add(1, Told((), 0, lost="was stopped before it read anything"))
    with pytest.raises(UnknownPlaceError, match="turn 1 has no tokens: it was stopped before it read"):
        transcript.place(1, 0)


def test_old_turns_go_and_what_is_not_there_is_named(transcript: Transcript) -> None:
    for turn in range(1, TURNS_KEPT + 2):
        transcript.add(turn, Told((5,), read=1, chosen=(70,)))
    with pytest.raises(UnknownPlaceError, match=f"turn 1 is not kept; the newest is {TURNS_KEPT + 1}"):
        transcript.place(1)
    with pytest.raises(UnknownPlaceError, match="no token 2; its last is 1"):
        transcript.place(5, 2)


def test_so_many_tokens_are_kept_and_the_newest_turn_always(
    transcript: Transcript, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmri_server.service.transcript.TOKENS_KEPT", 10)
    for turn in range(1, 4):
        transcript.add(turn, Told((5,) * 4, read=4, chosen=(70,)))
    transcript.place(2)
    with pytest.raises(UnknownPlaceError, match="turn 1 is not kept"):
        transcript.place(1)
    transcript.add(4, Told((5,) * 40, read=40))
    assert len(transcript.place().ids) == 40
