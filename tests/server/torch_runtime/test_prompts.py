"""From a conversation to a prompt."""

from collections.abc import Callable, Sequence

import pytest

from llmri_server.runtime import ChatMessage
from llmri_server.torch_runtime.prompts import PromptWriter
from tests.server.torch_runtime.tiny_models import assistant, byte_tokenizer, system, user

Text = Callable[[Sequence[ChatMessage]], str]
Writer = Callable[[str | None], tuple[PromptWriter, Text]]

REFUSING = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
)
IGNORING = (
    "{% for m in messages %}{% if m['role'] != 'system' %}<|{{ m['role'] }}|>{{ m['content'] }}{% endif %}"
    "{% endfor %}"
)
SYSTEM, HELLO, REPLY, BYE = system("be kind"), user("hello"), assistant("hi"), user("bye")


@pytest.fixture
def writer() -> Writer:
    def make(template: str | None) -> tuple[PromptWriter, Text]:
        tokenizer = byte_tokenizer(template)
        prompts = PromptWriter(tokenizer)
        return prompts, lambda conversation: str(tokenizer.decode(prompts.ids(conversation)))

    return make


@pytest.mark.parametrize("template", [REFUSING, IGNORING])
def test_a_system_message_that_the_template_refuses_goes_before_the_users(
    writer: Writer, template: str
) -> None:
    _, text = writer(template)
    assert text([SYSTEM, HELLO]) == "<|user|>be kind\n\nhello"
    assert text([HELLO, REPLY, BYE]) == "<|user|>hello<|assistant|>hi<|user|>bye"


def test_without_a_template_the_texts_are_continued(writer: Writer) -> None:
    prompts, text = writer(None)
    assert not prompts.chat
    assert text([SYSTEM, HELLO, REPLY]) == "be kindhellohi"


def test_nothing_said_still_has_a_token_to_start_from(writer: Writer) -> None:
    prompts, _ = writer(None)
    assert prompts.ids([user("")]) == [0]


@pytest.mark.parametrize(("context", "kept"), [(1000, 4), (24, 2), (1, 2)])
def test_the_oldest_exchange_goes_first_and_system_and_last_message_stay(
    writer: Writer, context: int, kept: int
) -> None:
    prompts, text = writer("{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}")
    prompt = prompts.write([SYSTEM, HELLO, REPLY, BYE], context, room=5)
    assert prompt.trimmed == 4 - kept
    expected = [SYSTEM, HELLO, REPLY, BYE] if kept == 4 else [SYSTEM, BYE]
    assert prompt.ids == prompts.ids(expected)
    assert text(expected).startswith("<|system|>be kind")
