"""From a conversation to the tokens of a prompt that fits, whoever knows the tokens and the chat template."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import TemplateError

from llmri_server.runtime import ChatMessage

_PROBE = "llmri-system-probe"


@dataclass(frozen=True)
class Prompt:
    """Tokens, and how many messages were left out of the front."""

    ids: list[int]
    trimmed: int


class PromptWriter(ABC):
    """Writes prompts with a chat template, or, where there is none, as plain text to continue.

    Attributes:
        chat: Whether there is a template.
    """

    def __init__(self, *, chat: bool) -> None:
        self.chat = chat
        self._folds_system = chat and not self._keeps_system()

    def write(self, conversation: Sequence[ChatMessage], context: int, room: int) -> Prompt:
        """Write the conversation so that `room` tokens are left of the context.

        The oldest exchanges are left out until it fits; the system message and the last message stay, even
        where they don't fit.
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
        """Give the tokens of a whole conversation, ready for the reply."""
        if not self.chat:
            text = "".join(message["content"] for message in conversation)
            return self._tokens(text, add_special=True) or [self._beginning()]
        messages = _system_folded(conversation) if self._folds_system else conversation
        return self._tokens(self._render(messages), add_special=False)

    @abstractmethod
    def _render(self, messages: Sequence[ChatMessage]) -> str:
        """Give the text that the template makes of messages; it may raise `TemplateError`."""

    @abstractmethod
    def _tokens(self, text: str, *, add_special: bool) -> list[int]:
        """Give the tokens of a text, with the tokenizer's own around it or without."""

    @abstractmethod
    def _beginning(self) -> int:
        """Give a token to start from where the text has none."""

    def _keeps_system(self) -> bool:
        """Whether the template takes a system message and says it."""
        messages: list[ChatMessage] = [
            {"role": "system", "content": _PROBE},
            {"role": "user", "content": "hello"},
        ]
        try:
            return _PROBE in self._render(messages)
        except TemplateError:
            return False


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
