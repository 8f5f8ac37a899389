"""Token texts: one at a time, and together the whole text."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from llmri_server.torch_runtime.text import Vocabulary


@pytest.fixture(scope="module")
def byte_level(tokenizer: PreTrainedTokenizerFast) -> Vocabulary:
    return Vocabulary(tokenizer)


@pytest.fixture(scope="module")
def byte_fallback() -> Vocabulary:
    """Return a vocabulary like SentencePiece's: words with a mark for the space, and bytes for the rest."""
    pieces = ["<unk>", "</s>", "▁", "▁the", "▁cat", "s", "at", *(f"<0x{byte:02X}>" for byte in range(256))]
    core = Tokenizer(
        models.BPE(
            vocab={piece: number for number, piece in enumerate(pieces)},
            merges=[],
            unk_token="<unk>",
            byte_fallback=True,
        )
    )
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=core, eos_token="</s>", unk_token="<unk>"
    )
    return Vocabulary(tokenizer)


def numbers(vocabulary: Vocabulary, pieces: list[str]) -> list[int]:
    return [int(vocabulary.tokenizer.get_vocab()[piece]) for piece in pieces]


def streamed(vocabulary: Vocabulary, ids: Sequence[int]) -> list[str]:
    text = vocabulary.start()
    return [text.add(number) for number in ids]


@settings(deadline=None)
@given(text=st.text(max_size=30))
def test_the_pieces_of_any_text_are_the_text(byte_level: Vocabulary, text: str) -> None:
    ids = byte_level.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert "".join(streamed(byte_level, ids)) == text


@settings(deadline=None)
@given(ids=st.lists(st.integers(4, 299), max_size=40))
@example(ids=[173, 98])  # two bytes that begin no character, which Python holds back as if they did
def test_any_ordinary_tokens_give_what_the_tokenizer_says_but_for_an_unfinished_end(
    byte_level: Vocabulary, ids: list[int]
) -> None:
    whole = byte_level.decode(ids)
    together = "".join(streamed(byte_level, ids))
    assert whole in [together + "�" * unfinished for unfinished in range(4)]


def test_a_character_of_several_tokens_comes_with_the_last(byte_level: Vocabulary) -> None:
    ids = byte_level.tokenizer.encode("a🐈é")
    assert streamed(byte_level, ids) == ["a", "", "", "", "🐈", "", "é"]


def test_special_tokens_show_their_name_and_break_off_an_unfinished_character(byte_level: Vocabulary) -> None:
    cat = byte_level.tokenizer.encode("🐈")
    end = byte_level.tokenizer.eos_token_id
    (a,) = byte_level.tokenizer.encode("a")
    assert streamed(byte_level, [*cat[:2], end, a]) == ["", "", "<|end|>", "a"]


def test_numbers_that_the_tokenizer_does_not_use_say_nothing(byte_level: Vocabulary) -> None:
    assert streamed(byte_level, [5000]) == [""]
    assert byte_level.text_of(5000) == ""


def test_words_with_a_mark_for_the_space_keep_their_spaces(byte_fallback: Vocabulary) -> None:
    ids = numbers(byte_fallback, ["▁the", "▁cat", "s", "▁", "at"])
    assert streamed(byte_fallback, ids) == ["the", " cat", "s", " ", "at"]


def test_bytes_in_such_a_vocabulary_wait_for_their_character(byte_fallback: Vocabulary) -> None:
    pieces = ["▁the", *(f"<0x{byte:02X}>" for byte in "🐈".encode()), "s"]
    ids = numbers(byte_fallback, pieces)
    assert streamed(byte_fallback, ids) == ["the", "", "", "", "🐈", "s"]


def test_candidates_keep_their_leading_space(byte_level: Vocabulary, byte_fallback: Vocabulary) -> None:
    (cat,) = numbers(byte_fallback, ["▁cat"])
    assert byte_fallback.text_of(cat) == " cat"
    (the,) = byte_level.tokenizer.encode(" the")
    assert byte_level.text_of(the) == " the"
