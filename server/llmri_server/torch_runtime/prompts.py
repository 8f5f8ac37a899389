"""Prompts by a tokenizer of transformers and its chat template."""

from transformers import PreTrainedTokenizerBase

from llmri_server.runtime import PromptError
from llmri_server.runtimes.common import prompts
from llmri_server.runtimes.common.templates import choose_template


class PromptWriter(prompts.PromptWriter):
    """Writes prompts with a tokenizer's chat template, or, where it has none, as plain text to continue.

    Args:
        tokenizer: The tokenizer.
        rows: How many tokens the model has an embedding for; None takes it that it has one for all.

    Raises:
        LoadError: The template cannot be used; the message is one sentence.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, rows: int | None = None) -> None:
        self._tokenizer = tokenizer
        self._rows = rows
        tokens = {name: str(text) for name, text in tokenizer.special_tokens_map.items()}
        super().__init__(choose_template(tokenizer.chat_template, tokens))

    def _tokens(self, text: str, *, add_special: bool) -> list[int]:
        ids = self._split(text, add_special=add_special)
        highest = max(ids, default=0)
        if self._rows is not None and highest >= self._rows:
            token = self._tokenizer.convert_ids_to_tokens(highest)
            raise PromptError(
                f"the tokenizer gives token {highest} ({token!r}), and the model's embedding has "
                f"{self._rows} rows; the tokenizer is another model's, or tokens were added to it alone"
            )
        return ids

    def _split(self, text: str, *, add_special: bool) -> list[int]:
        try:
            return list(self._tokenizer(text, add_special_tokens=add_special)["input_ids"])
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of the tokenizers library is no `Exception`
            said = " ".join(str(error).split())
            raise PromptError(f"the tokenizer failed: {type(error).__name__}: {said}") from error

    def _beginning(self) -> int:
        start = self._tokenizer.bos_token_id
        start = self._tokenizer.eos_token_id if start is None else start
        return 0 if start is None else int(start)
