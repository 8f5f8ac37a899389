"""Folders and GGUF files say the same with the same template, and what transformers says."""

from dataclasses import dataclass

import pytest

from llmri_server.llama_runtime.vocabulary import PromptWriter as GgufWriter
from llmri_server.runtimes.common.templates import ChatTemplate
from llmri_server.torch_runtime.prompts import PromptWriter as FolderWriter
from tests.server.torch_runtime.tiny_models import TEMPLATE, assistant, byte_tokenizer, system, user

SAID = [system("Be <b>brief</b>."), user(' say "é"\n'), assistant("<think>x</think>yes\t"), user("why?")]
EACH = "{% for m in messages %}{{ m.role }}: {{ m.content | replace(' ', '_') }}|{% endfor %}"
TEMPLATES = {
    "plain": TEMPLATE,
    "generation": (
        "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ eos_token }}"
        "{% endgeneration %}{% else %}[{{ m.content }}]{% endif %}{% endfor %}"
    ),
    "generation, trimmed": (
        "{%- for m in messages -%} {%- generation -%} {{ m.content }} {%- endgeneration -%} {%- endfor -%}"
    ),
    "generation has a scope": (
        "{% set a = 'out' %}{% generation %}{% set a = 'in' %}{{ a }}{% endgeneration %}{{ a }}" + EACH
    ),
    "tojson": "{% for m in messages %}{{ m.content | tojson }}{{ m | tojson(ensure_ascii=1) }}{% endfor %}",
    "tojson, every option": (
        "{{ messages | tojson(ensure_ascii=False, indent=2, separators=(',', ' = '), sort_keys=true) }}"
    ),
    "tojson by place": "{{ messages | tojson(true, 1) }}",
    "no tools": EACH + "{% if tools is none and documents is defined and not tools %}none{% endif %}",
    "undefined": EACH + "[{{ nobody }}{{ unk_token }}]{% if nobody is defined %}somebody{% endif %}",
    "blocks": "{% for m in messages %}\n    {% if true %}\n{{ m.content }}\n    {% endif %}\n{% endfor %}\n",
    "break and continue": (
        "{% for m in messages %}{% if loop.index == 2 %}{{ m.content }}{% continue %}{% endif %}"
        "{% if loop.index > 3 %}{% break %}{% endif %}{{ m.content }}{% endfor %}{{ messages[-1].content }}"
    ),
    "namespace": (
        "{% set n = namespace(count=0, self=1) %}{% for m in messages %}{% set n.count = n.count + 1 %}"
        "{{ n.count }}{{ m.content }}{% endfor %}{{ dict(a=1)['a'] }}{{ dict.fromkeys(['k'], 2) }}"
    ),
    "macro": (
        "{% macro say(m, mark='#') %}{{ mark }}{{ m['content'] | trim }}{{ varargs }}{% endmacro %}"
        "{% for m in messages %}{{ say(m) }}{% endfor %}"
    ),
    "methods": (
        "{% for m in messages %}{{ m.content.split('</think>')[-1].strip().startswith('y') }}"
        "{{ m.get('tool_calls', 'none') }}{{ m['content'][::-1] }}{{ m.content }}{% endfor %}"
    ),
    "the day": "{{ strftime_now('%Y %B') }}" + EACH,
    "call block": "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}x{% endcall %}" + EACH,
    "no prompt asked": EACH + "{{ add_generation_prompt }}{{ bos_token is defined or true }}",
}


@dataclass
class Letters:
    """A vocabulary of single characters."""

    begin: int | None = None
    end: int | None = 0

    def ids(self, text: str, *, add_special: bool) -> list[int]:
        return [ord(letter) for letter in text]

    def text_of(self, _token: int) -> str:
        return "<|end|>"


@pytest.mark.parametrize("source", TEMPLATES.values(), ids=TEMPLATES)
def test_a_template_says_what_it_says_in_transformers(source: str) -> None:
    tokenizer = byte_tokenizer(source)
    plain = [{"role": m["role"], "content": m["content"]} for m in SAID]
    expected = tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=True)
    assert ChatTemplate(source, {"eos_token": "<|end|>"}).text(SAID) == expected
    from_folder = FolderWriter(tokenizer).ids(SAID)
    assert from_folder == tokenizer(expected, add_special_tokens=False)["input_ids"]
    from_file = GgufWriter(Letters(), source).ids(SAID)  # type: ignore[arg-type]  # all that it needs
    assert "".join(map(chr, from_file)) == expected
