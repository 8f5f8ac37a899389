"""The chat templates of a GGUF file: of any kind that works from a folder, or refused in a sentence."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from llmri_server.gguf_export import export_gguf
from llmri_server.llama_runtime import Options, load
from llmri_server.runtime import LoadError
from tests.gguf_models import GgufModel
from tests.server.torch_runtime.tiny_models import assistant, byte_tokenizer, user

GENERATION = (
    "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}"
    "{% else %}{{ m.content | tojson(ensure_ascii=False) }}{% endif %}{% endfor %}"
)
PARTS = "{% for m in messages %}<|{{ m.role }}|>{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}"
UINT32 = b"\x04\x00\x00\x00"
Make = Callable[[object], Path]


@pytest.fixture
def make(tiny: Callable[[str], GgufModel], tmp_path: Path) -> Make:
    """Write a tiny Llama with a template, or with several by their names."""

    def make(template: object) -> Path:
        tiny("llama").model.save_pretrained(tmp_path)
        byte_tokenizer(None).save_pretrained(tmp_path)
        file = tmp_path / "tokenizer_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"chat_template": template}))
        export_gguf(tmp_path, tmp_path / "made.gguf", "f32", name="tiny")
        return tmp_path / "made.gguf"

    return make


@pytest.mark.parametrize(
    ("template", "written"),
    [
        (GENERATION, '"é"so"why?"'),
        (PARTS, "<|user|>é<|assistant|>so<|user|>why?"),
        ([{"name": "rag", "template": "R"}, {"name": "talk", "template": PARTS}], None),
        ([{"name": "rag", "template": PARTS}, {"name": "default", "template": GENERATION}], '"é"so"why?"'),
        (" \n", "ésowhy?"),
        (f"{PARTS}{{# {'long ' * 20_000} #}}", None),
    ],
)
def test_a_file_of_any_usable_template_is_served(make: Make, template: object, written: str | None) -> None:
    runtime = load(make(template), Options(threads=1))
    assert runtime.card.chat == (template != " \n")
    ids = runtime.prompt_ids([user("é"), assistant("so"), user("why?")])
    text = b"".join(map(runtime.vocabulary.bytes_of, ids)).decode()
    assert text == (written or "<|user|>é<|assistant|>so<|user|>why?")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% for %}", "the chat template cannot be read: line 1: "),
        ("hello", "the chat template leaves out what the user says"),
        ("{{ 1 / 0 }}", "the chat template failed: ZeroDivisionError: division by zero"),
        ("{{ 'x' * 10 ** 10 }}", "the chat template was ended because it takes too much memory"),
        ([{"name": "rag", "template": "hello"}], "none of the chat templates rag can be used; of `rag`: the"),
    ],
)
def test_a_file_whose_template_cannot_be_used_is_refused(make: Make, template: object, said: str) -> None:
    with pytest.raises(LoadError) as refusal:
        load(make(template), Options(threads=1))
    assert str(refusal.value).startswith(said)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("length", [1, 7])
def test_a_context_too_short_for_a_conversation_is_refused(
    tiny: Callable[[str], GgufModel], tmp_path: Path, length: int
) -> None:
    key = b"llama.context_length" + UINT32
    whole = tiny("llama").path.read_bytes()
    assert key + bytes([128, 0, 0, 0]) in whole
    path = tmp_path / "short.gguf"
    path.write_bytes(whole.replace(key + bytes([128]), key + bytes([length])))
    said = f"{path} has a context of {length} tokens; a conversation needs at least 8"
    with pytest.raises(LoadError, match=said):
        load(path, Options(threads=1))
    assert load(path, Options(threads=1, context=64)).card.context == 64
    with pytest.raises(LoadError, match="has a context of 3 tokens"):
        load(tiny("llama").path, Options(threads=1, context=3))


def test_a_file_that_does_not_say_its_context_has_the_usual_one(
    tiny: Callable[[str], GgufModel], tmp_path: Path
) -> None:
    key = b"llama.context_length" + UINT32
    path = tmp_path / "silent.gguf"
    path.write_bytes(tiny("llama").path.read_bytes().replace(key + bytes([128]), key + bytes([0])))
    assert load(path, Options(threads=1)).card.context == 4096
