"""Prompts by llama.cpp's tokenizer and the file's own chat template."""

from collections.abc import Mapping

from llmri_server.llama_runtime.vocabulary import Vocabulary
from llmri_server.runtimes.common import prompts
from llmri_server.runtimes.common.templates import choose_template


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
