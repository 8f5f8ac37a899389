"""A chat template that was probed: how it wants what is said, and what it leaves out."""

import threading
from collections.abc import Mapping, Sequence
from typing import Literal

from llmri_server.runtime import ChatMessage, PromptError
from llmri_server.runtimes.common.templates.renderer import renderer

Role = Literal["system", "user", "assistant"]
Shape = Literal["text", "parts"]
SHAPES: tuple[Shape, ...] = ("text", "parts")
SYSTEM = ChatMessage(role="system", content="llmrisystemprobe")
USER = ChatMessage(role="user", content="llmriuserprobe")
ASSISTANT = ChatMessage(role="assistant", content="llmrireplyprobe")
LATER = ChatMessage(role="user", content="llmrilaterprobe")


class ChatTemplate:
    """Makes the text of a prompt from a conversation.

    Args:
        source: The template, in Jinja as transformers documents it.
        tokens: The texts of special tokens by the names that templates know, such as `eos_token`.

    Attributes:
        left_out: What of a longer conversation it leaves out, in words; empty if nothing.

    Raises:
        PromptError: It cannot be rendered, or leaves out what a user says; the message is one sentence.
    """

    def __init__(self, source: str, tokens: Mapping[str, str]) -> None:
        self._source = source
        self._tokens = {"bos_token": "", "eos_token": "", **tokens}
        self._shapes: dict[Role, Shape] = {}
        self._shapes["user"] = self._shape_of_user()
        self._folds_system = not self._takes(SYSTEM, [SYSTEM, USER])
        self.left_out = self._leaves_out()

    def text(self, conversation: Sequence[ChatMessage], stop: threading.Event | None = None) -> str:
        """Return the text of a conversation, ready for the reply.

        Raises:
            PromptError: The template fails; the message is one sentence.
            StoppedError: `stop` was set.
        """
        messages = _system_folded(conversation) if self._folds_system else conversation
        return self._rendered(messages, stop)

    def _rendered(self, messages: Sequence[ChatMessage], stop: threading.Event | None = None) -> str:
        variables = {
            **self._tokens,
            "messages": [
                {"role": each["role"], "content": self._content(each["role"], each["content"])}
                for each in messages
            ],
            "tools": None,
            "documents": None,
            "add_generation_prompt": True,
        }
        return renderer().render(self._source, variables, stop)

    def _content(self, role: Role, text: str) -> str | list[dict[str, str]]:
        if self._shapes.get(role, "text") == "parts":
            return [{"type": "text", "text": text}]
        return text

    def _shape_of_user(self) -> Shape:
        """Return how content is to be given so that the template prints what a user says."""
        failures: list[PromptError] = []
        for shape in SHAPES:
            self._shapes["user"] = shape
            try:
                if self._prints(USER, [USER]):
                    return shape
            except PromptError as error:
                if error.final:
                    raise
                failures.append(error)
        if len(failures) == len(SHAPES):
            raise failures[0]
        raise PromptError(
            "the chat template leaves out what the user says, whether content is a text or a list of parts"
        )

    def _takes(self, probe: ChatMessage, conversation: Sequence[ChatMessage]) -> bool:
        """Whether the template prints such a message, in the first shape in which it does."""
        for shape in SHAPES:
            self._shapes[probe["role"]] = shape
            try:
                if self._prints(probe, conversation):
                    return True
            except PromptError as error:
                if error.final:
                    raise
        self._shapes[probe["role"]] = "text"
        return False

    def _leaves_out(self) -> str:
        longer = [USER, ASSISTANT, LATER]
        replies = self._takes(ASSISTANT, longer)
        try:
            later = self._prints(LATER, longer)
        except PromptError as error:
            return f"more than one message: {error}"
        missing = [words for words, there in (("replies", replies), ("later messages", later)) if not there]
        return " and ".join(missing)

    def _prints(self, probe: ChatMessage, conversation: Sequence[ChatMessage]) -> bool:
        return probe["content"].casefold() in self._rendered(conversation).casefold()


def _system_folded(conversation: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Put the system message before the first thing the user says."""
    first, *rest = conversation
    if first["role"] != "system":
        return list(conversation)
    if not rest:
        return [{"role": "user", "content": first["content"]}]
    return [{"role": "user", "content": f"{first['content']}\n\n{rest[0]['content']}"}, *rest[1:]]
