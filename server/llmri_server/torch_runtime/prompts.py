"""From a conversation to the token ids of a prompt that fits."""

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from llmri_server.runtime import ChatMessage

_PROBE = "llmri-system-probe"


@dataclass(frozen=True)
class Prompt:
    """Token ids, and how many messages were left out of the front."""

    ids: list[int]
    trimmed: int


class PromptWriter:
    """Writes prompts with a tokenizer's chat template, or, where it has none, as plain text to continue."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self.chat = bool(tokenizer.chat_template)
        self._folds_system = self.chat and not self._keeps_system()

    def write(self, conversation: Sequence[ChatMessage], context: int, room: int) -> Prompt:
        """Write the conversation so that `room` tokens are left of the context.

        The oldest exchanges are left out until it fits; the system message and the last message stay,
        even where they don't fit.
        """
        messages = list(conversation)
        ids = self.ids(messages)
        while len(ids) > context - room:
            shorter = _without_oldest_exchange(messages)
            if len(shorter) == len(messages):
                break
            messages = shorter
            ids = self.ids(messages)
        return Prompt(ids, len(conversation) - len(messages))

    def ids(self, conversation: Sequence[ChatMessage]) -> list[int]:
        """Give the token ids of a whole conversation, ready for the reply."""
        if not self.chat:
            text = "".join(message["content"] for message in conversation)
            return list(self._tokenizer(text)["input_ids"]) or self._beginning()
        messages = _system_folded(conversation) if self._folds_system else conversation
        text = self._render(messages)
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _render(self, messages: Sequence[ChatMessage]) -> str:
        plain: list[dict[str, str]] = [{"role": m["role"], "content": m["content"]} for m in messages]
        return str(self._tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=True))

    def _keeps_system(self) -> bool:
        """Whether the template takes a system message and says it."""
        try:
            text = self._render([{"role": "system", "content": _PROBE}, {"role": "user", "content": "hello"}])
        except TemplateError:
            return False
        return _PROBE in text

    def _beginning(self) -> list[int]:
        """Give something to start from where the text has no tokens."""
        start = self._tokenizer.bos_token_id
        start = self._tokenizer.eos_token_id if start is None else start
        return [0 if start is None else int(start)]


def _system_folded(conversation: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Put the system message before the first thing the user says."""
    first, *rest = conversation
    if first["role"] != "system":
        return list(conversation)
    if not rest:
        return [{"role": "user", "content": first["content"]}]
    return [{"role": "user", "content": f"{first['content']}\n\n{rest[0]['content']}"}, *rest[1:]]


def _without_oldest_exchange(messages: list[ChatMessage]) -> list[ChatMessage]:
    """Leave out the first user message and its replies; the same messages where only the last is left."""
    head = messages[:1] if messages and messages[0]["role"] == "system" else []
    body = messages[len(head) :]
    for index, message in enumerate(body[1:], start=1):
        if message["role"] == "user":
            return head + body[index:]
    return messages
