"""The text of tokens, one at a time, so that their concatenation is the text of all."""

import codecs
import json
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Protocol

from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

REPLACEMENT = "\ufffd"
LONGEST_CHARACTER = 4  # bytes in UTF-8, so as many tokens at most


class TokenText(Protocol):
    """Gives the text that each token adds; an unfinished character waits for the token that completes it."""

    def add(self, token: int) -> str:
        """Take the next token and give the text it adds, which may be empty."""
        ...


class Vocabulary:
    """What a tokenizer's tokens say."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        added = tokenizer.added_tokens_decoder
        self.added: dict[int, str] = {number: token.content for number, token in added.items()}
        self.special: frozenset[int] = frozenset(
            {number for number, token in added.items() if token.special} | set(tokenizer.all_special_ids)
        )
        self._byte_level = _is_byte_level(tokenizer)
        self._bytes = {character: byte for byte, character in bytes_to_unicode().items()}  # type: ignore[no-untyped-call]
        self.text_of = lru_cache(maxsize=65536)(self._text_of)

    def start(self) -> TokenText:
        """Begin a text."""
        return _ByteText(self) if self._byte_level else _WindowText(self)

    def raw_bytes(self, token: int) -> bytes:
        """Return the bytes of a token of a byte-level vocabulary."""
        if token in self.added:
            return self.added[token].encode()
        piece = self.tokenizer.convert_ids_to_tokens(token)
        if not isinstance(piece, str):
            return b""  # a row of the embedding that the tokenizer doesn't use
        return bytes(self._bytes[character] for character in piece if character in self._bytes)

    def decode(self, tokens: list[int]) -> str:
        """Return the text of some tokens as the tokenizer has it."""
        return str(self.tokenizer.decode(tokens, clean_up_tokenization_spaces=False))

    def _text_of(self, token: int) -> str:
        """Return the text of a token that stands alone, as a candidate for the next does."""
        if self._byte_level:
            return self.raw_bytes(token).decode(errors="replace")
        if token in self.added:
            return self.added[token]
        twice, once = self.decode([token, token]), self.decode([token])
        return twice[len(once) :] if twice.startswith(once) else once  # the second keeps its leading space


class _Text(ABC):
    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._restart()

    def add(self, token: int) -> str:
        if token in self._vocabulary.special:
            self._restart()
            return self._vocabulary.added.get(token, "")
        return self._ordinary(token)

    @abstractmethod
    def _restart(self) -> None:
        """Forget what came before; an unfinished character is lost."""

    @abstractmethod
    def _ordinary(self, token: int) -> str:
        """Take a token that is not special."""


class _ByteText(_Text):
    """For byte-level vocabularies: the bytes are known, and Python decodes them as they come."""

    def _restart(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def _ordinary(self, token: int) -> str:
        return self._decoder.decode(self._vocabulary.raw_bytes(token))


class _WindowText(_Text):
    """For other vocabularies: the tokenizer decodes the last tokens with and without the new one."""

    def _restart(self) -> None:
        self._said: list[int] = []
        self._waiting: list[int] = []

    def _ordinary(self, token: int) -> str:
        self._waiting.append(token)
        decode = self._vocabulary.decode
        before, after = decode(self._said), decode(self._said + self._waiting)
        if after.endswith(REPLACEMENT) and len(self._waiting) < LONGEST_CHARACTER:
            return ""
        text = after[len(before) :] if after.startswith(before) else decode(self._waiting)
        self._said, self._waiting = self._waiting, []
        return text


def _is_byte_level(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether tokens are written in GPT-2's alphabet of bytes."""
    decoder = getattr(getattr(tokenizer, "backend_tokenizer", None), "decoder", None)
    if decoder is None:
        return False
    outline = json.loads(decoder.__getstate__())
    parts = outline.get("decoders", [outline])
    return any(part["type"] == "ByteLevel" for part in parts)
