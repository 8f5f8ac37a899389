"""The tokens of a file: from text to tokens, and the text of tokens, one at a time."""

import codecs
import ctypes
from collections.abc import Mapping
from functools import lru_cache

from llmri_server.llama_runtime.model import Model
from llmri_server.runtimes.common import prompts
from llmri_server.runtimes.common.templates import choose_template

FIRST_BUFFER = 64  # bytes: nearly every token is shorter


class TokenText:
    """Gives the text that each token adds; an unfinished character waits for the token that completes it."""

    def __init__(self, vocabulary: "Vocabulary") -> None:
        self._vocabulary = vocabulary
        self._restart()

    def add(self, token: int) -> str:
        """Take the next token and give the text it adds, which may be empty."""
        if token in self._vocabulary.special:
            self._restart()  # an unfinished character is lost
            return self._vocabulary.text_of(token)
        return self._decoder.decode(self._vocabulary.bytes_of(token))

    def _restart(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")


class Vocabulary:
    """llama.cpp's tokenizer.

    Attributes:
        special: The tokens that mark something and say nothing.
        ends: The tokens that end a reply.
    """

    def __init__(self, model: Model) -> None:
        self._lib = model.engine.lib
        self._pointer = model.vocabulary
        tokens = range(model.tokens)
        self.ends = frozenset(t for t in tokens if self._lib.llama_vocab_is_eog(self._pointer, t))
        control = frozenset(t for t in tokens if self._lib.llama_vocab_is_control(self._pointer, t))
        self.special = self.ends | control
        self.begin = self._known(self._lib.llama_vocab_bos(self._pointer))
        self.end = self._known(self._lib.llama_vocab_eos(self._pointer))
        self.text_of = lru_cache(maxsize=65536)(self._text_of)

    def ids(self, text: str, *, add_special: bool) -> list[int]:
        """Return the tokens of a text, in which special tokens may be written out.

        Args:
            text: The text.
            add_special: Whether to put in front of it, and behind, what the file says.
        """
        data = text.encode()
        room = len(data) + 8  # a token has at least a byte, but for those that are added
        tokens = (ctypes.c_int32 * room)()
        count = self._lib.llama_tokenize(self._pointer, data, len(data), tokens, room, add_special, True)
        if count < 0:
            tokens = (ctypes.c_int32 * -count)()
            count = self._lib.llama_tokenize(
                self._pointer, data, len(data), tokens, -count, add_special, True
            )
        return list(tokens[:count])

    def bytes_of(self, token: int) -> bytes:
        """Return the bytes that a token stands for, special ones written out."""
        buffer = ctypes.create_string_buffer(FIRST_BUFFER)
        length = self._lib.llama_token_to_piece(self._pointer, token, buffer, FIRST_BUFFER, 0, True)
        if length < 0:
            buffer = ctypes.create_string_buffer(-length)
            length = self._lib.llama_token_to_piece(self._pointer, token, buffer, -length, 0, True)
        return buffer.raw[:length]

    def start(self) -> TokenText:
        """Begin a text."""
        return TokenText(self)

    def _text_of(self, token: int) -> str:
        """Return the text of a token that stands alone, as a candidate for the next does."""
        return self.bytes_of(token).decode(errors="replace")

    def _known(self, token: int) -> int | None:
        return token if token >= 0 else None


class PromptWriter(prompts.PromptWriter):
    """Writes prompts with a chat template in Jinja, or, where it is empty, as plain text to continue.

    Args:
        vocabulary: The tokens.
        template: The template, or several by their names.

    Raises:
        LoadError: The template cannot be used; the message is one sentence.
    """

    def __init__(self, vocabulary: Vocabulary, template: str | Mapping[str, str]) -> None:
        self._vocabulary = vocabulary
        known = {"bos_token": vocabulary.begin, "eos_token": vocabulary.end}
        tokens = {name: vocabulary.text_of(token) for name, token in known.items() if token is not None}
        super().__init__(choose_template(template, tokens))

    def _tokens(self, text: str, *, add_special: bool) -> list[int]:
        return self._vocabulary.ids(text, add_special=add_special)

    def _beginning(self) -> int:
        start = self._vocabulary.begin
        return (self._vocabulary.end or 0) if start is None else start
