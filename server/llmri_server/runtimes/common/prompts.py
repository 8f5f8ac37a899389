"""From a conversation to the tokens of a prompt that fits, whoever knows the tokens."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from llmri_server.runtime import ChatMessage, GivenReply, LoadError, PromptError, StoppedError
from llmri_server.runtimes.common.templates import ChatTemplate

Stop = threading.Event | None
PROBE = "Hello"
SHORTEST_CONTEXT = 8  # tokens


def check_context(length: int, model: str) -> None:
    """Pass if a prompt and a reply have room in a context of so many tokens.

    Raises:
        LoadError: They have not; the message has both numbers.
    """
    if length < SHORTEST_CONTEXT:
        raise LoadError(
            f"{model} has a context of {length} tokens; a conversation needs at least {SHORTEST_CONTEXT}"
        )


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

    def __init__(self, template: ChatTemplate | None) -> None:
        self._template = template
        self.chat = template is not None

    def write(
        self, conversation: Sequence[ChatMessage], context: int, room: int, stop: Stop = None
    ) -> Prompt:
        """Write the conversation so that `room` tokens are left of the context.

        Where it does not fit, the oldest exchanges are left out, until half of what is neither system nor
        last message is free: so the beginning, whose keys and values are kept, stays the same for many turns,
        as when llama.cpp shifts a full context by half. The latest exchange stays if it fits at all; the
        system message and the last message stay, even where they don't fit. How many exchanges go is found
        by bisection: a conversation of n exchanges is written log2(n) + 3 times at most.

        Raises:
            PromptError: It cannot be written; the message is one sentence.
            StoppedError: `stop` was set.
        """
        system, every = _exchanges(conversation)
        exchanges = every[-max(context, 1) :]  # each takes a token at least

        def written(first: int) -> list[int]:
            return self.ids([*system, *chain(*exchanges[first:])], stop)

        first, ids = _cut(len(exchanges) - 1, context - room, written)
        kept = sum(map(len, exchanges[first:]))
        return Prompt(ids, len(conversation) - len(system) - kept)

    def ids(self, conversation: Sequence[ChatMessage], stop: Stop = None) -> list[int]:
        """Return the tokens of a whole conversation, ready for the reply.

        Raises:
            PromptError: It cannot be written; the message is one sentence.
            StoppedError: `stop` was set.
        """
        if stop is not None and stop.is_set():
            raise StoppedError("the prompt was stopped before it was written")
        text = self._text(conversation, stop)
        ids = self._tokens(text, add_special=self._template is None)
        return ids if ids or self._template is not None else [self._beginning()]

    def given_reply(self, conversation: Sequence[ChatMessage], reply: str) -> GivenReply:
        """Return the tokens of a conversation and of a reply to it, cut out of the tokens of both together.

        Raises:
            PromptError: It cannot be written; the message is one sentence.
        """
        text, plain = self._text(conversation), self._template is None
        asked = self._tokens(text, add_special=plain)
        whole = self._tokens(text + reply, add_special=plain)
        return GivenReply(tuple(asked or self.ids(conversation)), tuple(whole[len(asked) :]))

    def text_ids(self, text: str) -> list[int]:
        """Return the tokens of a plain text.

        Raises:
            PromptError: The model has no place for one of them; the message is one sentence.
        """
        return self._tokens(text, add_special=True)

    def check(self) -> None:
        """Pass if what a user says has tokens, and all of them are the model's.

        Raises:
            LoadError: It has not; the message is one sentence.
        """
        try:
            ids = self.ids([ChatMessage(role="user", content=PROBE)])
        except PromptError as error:
            raise LoadError(str(error)) from None
        if not self._tokens(PROBE, add_special=False) or not ids:
            raise LoadError(f"the tokenizer makes no tokens of {PROBE!r}: its vocabulary is empty or broken")

    def _text(self, conversation: Sequence[ChatMessage], stop: Stop = None) -> str:
        """Return a conversation as it is written, up to where the reply begins."""
        if self._template is None:
            return "".join(message["content"] for message in conversation)
        return self._template.text(conversation, stop)

    @abstractmethod
    def _tokens(self, text: str, *, add_special: bool) -> list[int]:
        """Return the tokens of a text, with the tokenizer's own around it or without."""

    @abstractmethod
    def _beginning(self) -> int:
        """Return a token to start from where the text has none."""


def _exchanges(
    conversation: Sequence[ChatMessage],
) -> tuple[list[ChatMessage], list[list[ChatMessage]]]:
    """Return the system message, if any, and what the user said with its replies, exchange by exchange."""
    system = list(conversation[:1]) if conversation and conversation[0]["role"] == "system" else []
    exchanges: list[list[ChatMessage]] = []
    for message in conversation[len(system) :]:
        if message["role"] == "user" or not exchanges:
            exchanges.append([])
        exchanges[-1].append(message)
    return system, exchanges


def _cut(last: int, limit: int, written: Callable[[int], list[int]]) -> tuple[int, list[int]]:
    """Return the first exchange that is kept, and the tokens from it on; `last` is never left out."""
    ids = written(0)
    if len(ids) <= limit or last <= 0:
        return 0, ids
    too_long, ids_too_long = 0, ids
    fits, found = last, written(last)
    enough = (len(found) + limit) // 2
    while fits - too_long > 1:
        middle = (too_long + fits) // 2
        ids = written(middle)
        if len(ids) <= enough:
            fits, found = middle, ids
        else:
            too_long, ids_too_long = middle, ids
    if fits == last and len(ids_too_long) <= limit:
        return too_long, ids_too_long  # half is too little for the latest exchange, the whole is not
    return fits, found
