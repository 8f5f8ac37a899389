"""A template is asked at load how it wants what is said; nothing that is said gets lost silently."""

import logging

import pytest

from llmri_server.runtime import ChatMessage, LoadError, PromptError
from llmri_server.runtimes.common.templates import ChatTemplate, choose_template
from tests.server.torch_runtime.tiny_models import TEMPLATE, assistant, system, user

PARTS = (
    "{% for m in messages %}<|{{ m.role }}|>{% for p in m.content %}"
    "{% if p.type == 'text' %}{{ p.text }}{% endif %}{% endfor %}{% endfor %}"
)
FIRST_PART = "{% for m in messages %}<|{{ m.role }}|>{{ m.content[0]['text'] }}{% endfor %}"
STRICT_PARTS = (
    "{% for m in messages %}{% if m.content is string %}{{ raise_exception('parts!') }}{% endif %}"
    "<|{{ m.role }}|>{{ m.content | map(attribute='text') | join }}{% endfor %}"
)
MIXED = (
    "{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'user' %}{{ m.content[0]['text'] }}"
    "{% else %}{{ m.content }}{% endif %}{% endfor %}"
)
SAID = [system("S"), user("u"), assistant("a"), user("v")]
LAST_ONLY = "<|user|>{{ messages[-1].content }}<|assistant|>"


def text(source: str, conversation: list[ChatMessage]) -> str:
    return ChatTemplate(source, {"eos_token": "</s>"}).text(conversation)


@pytest.mark.parametrize("source", [PARTS, FIRST_PART, STRICT_PARTS, MIXED])
def test_content_goes_in_as_the_template_wants_it(source: str) -> None:
    assert text(source, SAID) == "<|system|>S<|user|>u<|assistant|>a<|user|>v"


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("hello", "the chat template leaves out what the user says, whether content is a text or a list"),
        (
            "{% for m in messages %}{{ m.role }}{% endfor %}",
            "the chat template leaves out what the user says",
        ),
        ("{{ messages[-1].text }}", "the chat template leaves out what the user says"),
        ("{{ raise_exception('never') }}", "the chat template refuses the conversation: never"),
        ("{% for %}", "the chat template cannot be read: line 1: "),
        ("{{ 1 // 0 }}", "the chat template failed: ZeroDivisionError"),
    ],
)
def test_a_template_that_prints_nothing_of_what_is_said_is_refused(source: str, word: str) -> None:
    with pytest.raises(PromptError, match=f"^{word}"):
        ChatTemplate(source, {})
    with pytest.raises(LoadError, match=f"^{word}"):
        choose_template(source, {})


@pytest.mark.parametrize(
    ("source", "left_out"),
    [
        (TEMPLATE, ""),
        (LAST_ONLY, "replies"),
        ("{{ messages[0].content }}", "replies and later messages"),
        ("{% for m in messages if m.role != 'assistant' %}{{ m.content }}{% endfor %}", "replies"),
        (
            "{% if messages[1] %}{{ raise_exception('too many') }}{% endif %}{{ messages[-1].content }}",
            "more than one message: the chat template refuses the conversation: too many",
        ),
    ],
)
def test_what_is_left_out_of_a_longer_conversation_is_known(source: str, left_out: str) -> None:
    assert ChatTemplate(source, {"eos_token": "</s>"}).left_out == left_out


def test_what_is_left_out_is_said_at_load(caplog: pytest.LogCaptureFixture) -> None:
    choose_template(LAST_ONLY, {})
    assert caplog.messages == ["of a longer conversation the chat template `default` leaves out replies"]


@pytest.mark.parametrize("change", ["upper", "title", "tojson", "trim"])
def test_a_template_may_change_what_is_said(change: str) -> None:
    assert ChatTemplate(f"{{{{ messages[-1].content | {change} }}}}", {})


def test_missing_special_tokens_are_empty() -> None:
    assert ChatTemplate("{{ bos_token + messages[-1].content + eos_token }}", {}).text([user("hi")]) == "hi"


@pytest.mark.parametrize("blank", [None, "", " \n\t", {}, {"default": " "}])
def test_no_template_or_one_of_space_is_none(blank: str | dict[str, str] | None) -> None:
    assert choose_template(blank, {}) is None


ONE, OTHER = "one {{ messages[-1].content }}", "other {{ messages[-1].content }}"
BROKEN = "{% for %}"


@pytest.mark.parametrize(
    ("templates", "begins"),
    [
        ({"tool_use": ONE, "default": OTHER}, "other"),
        ({"tool_use": ONE, "chat": OTHER}, "other"),
        ({"rag": ONE}, "one"),
        ({"a": BROKEN, "b": ONE, "c": OTHER}, "one"),
    ],
)
def test_of_named_templates_one_is_taken(
    templates: dict[str, str], begins: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    chosen = choose_template(templates, {})
    assert chosen
    assert chosen.text([user("hi")]) == f"{begins} hi"
    told = [message for message in caplog.messages if "none is called `default`" in message]
    assert len(told) == (len(templates) > 1 and "default" not in templates)
    for message in told:
        assert all(f"`{name}`" in message for name in templates)
        assert message.endswith("rename the one you want to `default`")


def test_named_templates_of_which_none_can_be_used_are_told() -> None:
    with pytest.raises(LoadError, match=r"^none of the chat templates a, b can be used; of `a`: .* line 1: "):
        choose_template({"a": BROKEN, "b": "hello"}, {})


def test_a_template_that_is_no_text_is_told() -> None:
    with pytest.raises(LoadError, match="`default` is a int, expected a text in Jinja"):
        choose_template(7, {})  # type: ignore[arg-type]
