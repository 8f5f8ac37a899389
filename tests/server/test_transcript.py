import pytest

from llmri_server.runtime import ChatMessage
from llmri_server.transcript import TURNS_KEPT, Told, Transcript, UnknownPlaceError
from tests.server.fakes import FakeRuntime


def asked(*texts: str) -> tuple[ChatMessage, ...]:
    return tuple(ChatMessage(role="user", content=text) for text in texts)


@pytest.fixture
def transcript(runtime: FakeRuntime) -> Transcript:
    return Transcript(runtime)


def test_without_a_turn_there_is_no_place(transcript: Transcript) -> None:
    assert transcript.place() is None


def test_tokens_are_counted_from_the_first_that_was_new(transcript: Transcript, runtime: FakeRuntime) -> None:
    prompt = runtime.text_ids("one two three four")
    transcript.add(1, Told(asked("one two", "three four"), 0, read=3, chosen=(70, 71, 72)))
    place = transcript.place(1, 0)
    assert place is not None
    assert (place.ids, place.came, place.prompt) == (prompt[:2], prompt[2], 2)
    place = transcript.place(1, 4)
    assert place is not None
    assert (place.ids, place.came, place.prompt) == ((*prompt, 70, 71), 72, 4)


def test_the_newest_is_the_last_token_that_was_read(transcript: Transcript) -> None:
    transcript.add(1, Told(asked("one two"), 0, read=2, chosen=(70, 71)))
    transcript.add(2, Told(asked("one two"), 0, read=2, chosen=()))
    first, newest = transcript.place(1), transcript.place()
    assert first is not None
    assert newest is not None
    assert (first.token, first.came) == (2, 71)
    assert (newest.turn, newest.token, newest.came) == (2, 1, None)


def test_messages_that_did_not_fit_were_not_read(transcript: Transcript, runtime: FakeRuntime) -> None:
    transcript.add(1, Told(asked("old words", "new words"), 1, read=2, chosen=()))
    place = transcript.place()
    assert place is not None
    assert place.ids == runtime.text_ids("new words")


def test_old_turns_go_and_what_is_not_there_is_named(transcript: Transcript) -> None:
    for turn in range(1, TURNS_KEPT + 2):
        transcript.add(turn, Told(asked("one"), 0, read=1, chosen=(70,)))
    with pytest.raises(UnknownPlaceError, match=f"turn 1 is not kept; the newest is {TURNS_KEPT + 1}"):
        transcript.place(1)
    with pytest.raises(UnknownPlaceError, match="no token 2; its last is 1"):
        transcript.place(5, 2)
