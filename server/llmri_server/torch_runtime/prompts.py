"""Prompts by a tokenizer of transformers and its chat template."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from llmri_server import prompts
from llmri_server.runtime import ChatMessage


class PromptWriter(prompts.PromptWriter):
    """Writes prompts with a tokenizer's chat template, or, where it has none, as plain text to continue."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        super().__init__(chat=bool(tokenizer.chat_template))

    def _render(self, messages: Sequence[ChatMessage]) -> str:
        plain: list[dict[str, str]] = [{"role": m["role"], "content": m["content"]} for m in messages]
        return str(self._tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=True))

    def _tokens(self, text: str, *, add_special: bool) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=add_special)["input_ids"])

    def _beginning(self) -> int:
        start = self._tokenizer.bos_token_id
        start = self._tokenizer.eos_token_id if start is None else start
        return 0 if start is None else int(start)
