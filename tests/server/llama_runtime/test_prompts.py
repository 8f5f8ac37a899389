"""Chat templates are rendered as transformers renders them."""

from dataclasses import dataclass, field

import pytest

from llmri_server.llama_runtime.vocabulary import PromptWriter
from llmri_server.runtime import ChatMessage, LoadError
from tests.server.torch_runtime.tiny_models import TEMPLATE, assistant, byte_tokenizer, system, user

NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "<|{{ m.role }}|>{{ m.content }}{% endfor %}"
)
BLOCKS = """{% for m in messages %}
  {%- if loop.index > 2 %}{% break %}{% endif %}
[{{ m['role'] }}] {{ m['content'] | tojson }}
{% endfor %}
{% if add_generation_prompt %}
[assistant]
{% endif %}
"""


@dataclass
class Letters:
    """A vocabulary of single characters, which remembers what it was asked for."""

    begin: int | None = None
    end: int | None = 0
    asked: list[tuple[str, bool]] = field(default_factory=list)

    def ids(self, text: str, *, add_special: bool) -> list[int]:
        self.asked.append((text, add_special))
        return [ord(letter) for letter in text]

    def text_of(self, _token: int) -> str:
        return "<|end|>"


def written(template: str, *messages: ChatMessage) -> str:
    letters = Letters()
    writer = PromptWriter(letters, template)  # type: ignore[arg-type]  # all that it needs
    return "".join(map(chr, writer.ids(messages)))


@pytest.mark.parametrize("template", [TEMPLATE, BLOCKS])
def test_a_template_gives_what_transformers_gives(template: str) -> None:
    conversation = [system("Be brief."), user('say "é"'), assistant("yes"), user("why?")]
    expected = byte_tokenizer(template).apply_chat_template(
        [{"role": m["role"], "content": m["content"]} for m in conversation],
        tokenize=False,
        add_generation_prompt=True,
    )
    assert written(template, *conversation) == expected


def test_a_template_without_a_system_message_gets_it_before_what_is_said_first() -> None:
    assert written(NO_SYSTEM, system("Be brief."), user("hi")) == "<|user|>Be brief.\n\nhi"


def test_special_tokens_are_not_added_to_what_a_template_says() -> None:
    letters = Letters()
    PromptWriter(letters, TEMPLATE).ids([user("hi")])  # type: ignore[arg-type]
    assert letters.asked == [("<|user|>hi<|end|><|assistant|>", False)]


def test_without_a_template_the_text_is_continued() -> None:
    assert written("", user("Once"), assistant(" upon"), user(" a")) == "Once upon a"
    letters = Letters()
    assert PromptWriter(letters, "").ids([user("")]) == [0]  # type: ignore[arg-type]
    assert letters.asked == [("", True)]


def test_the_oldest_exchanges_are_left_out_until_it_fits() -> None:
    writer = PromptWriter(Letters(), "")  # type: ignore[arg-type]
    said = [system("S"), user("aaaa"), assistant("bbbb"), user("cc"), assistant("dd"), user("ee")]
    assert writer.write(said, context=100, room=10).trimmed == 0
    shorter = writer.write(said, context=12, room=4)
    assert ("".join(map(chr, shorter.ids)), shorter.trimmed) == ("Sccddee", 2)
    assert writer.write(said, context=3, room=2).trimmed == 4


def test_a_broken_template_is_told_in_one_sentence() -> None:
    with pytest.raises(LoadError, match="chat template cannot be read: "):
        PromptWriter(Letters(), "{% for %}")  # type: ignore[arg-type]


def test_a_template_cannot_reach_outside_its_sandbox() -> None:
    hostile = "{{ messages.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(Exception, match="unsafe"):
        written(hostile, user("hi"))
