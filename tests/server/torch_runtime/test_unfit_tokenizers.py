"""Checkpoints whose tokenizer, template or context does not fit: one sentence at load, or of the turn."""

import json
import threading
from pathlib import Path

import pytest
import torch
from transformers import AddedToken, PreTrainedTokenizerFast

from llmri_server.runtime import LoadError, PromptError, Sampling
from llmri_server.runtimes.common.templates.renderer import Renderer
from llmri_server.torch_runtime import TorchRuntime, assemble, load
from tests.server.torch_runtime.tiny_models import (
    TEMPLATE,
    VOCABULARY,
    Listener,
    byte_tokenizer,
    tiny_model,
    user,
)

ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
PARTS = "{% for m in messages %}<|{{ m.role }}|>{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}"


def with_a_token_beyond() -> PreTrainedTokenizerFast:
    tokenizer = byte_tokenizer(TEMPLATE)
    known = len(tokenizer)
    tokenizer.add_tokens(
        [AddedToken(f"<{number}>", special=True) for number in range(VOCABULARY + 1 - known)]
    )
    return tokenizer


def folder(path: Path, template: object) -> str:
    tiny_model("llama").save_pretrained(path)
    byte_tokenizer(None).save_pretrained(path)
    config = json.loads((path / "tokenizer_config.json").read_text("utf-8"))
    (path / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": template}), "utf-8")
    return str(path)


def prompt(runtime: TorchRuntime) -> str:
    return str(runtime.tokenizer.decode(list(runtime.prompt_ids([user("hi")]))))


def test_a_tokenizer_whose_template_needs_a_token_beyond_the_embedding_is_refused() -> None:
    last = len(with_a_token_beyond()) - 1
    tokenizer = with_a_token_beyond()
    name = str(tokenizer.convert_ids_to_tokens(last))
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}" + name
    with pytest.raises(LoadError) as refusal:
        assemble(tiny_model("llama"), tokenizer, name="tiny")
    assert str(refusal.value) == (
        f"the tokenizer gives token {last} ({name!r}), and the model's embedding has {VOCABULARY} rows; "
        "the tokenizer is another model's, or tokens were added to it alone"
    )


def test_a_token_beyond_the_embedding_is_refused_where_it_is_said() -> None:
    tokenizer = with_a_token_beyond()
    runtime = assemble(tiny_model("llama"), tokenizer, name="tiny")
    beyond = str(tokenizer.convert_ids_to_tokens(VOCABULARY))
    conversation = [user(f"the cat {beyond}")]
    with pytest.raises(PromptError, match=rf"gives token {VOCABULARY} .*has {VOCABULARY} rows"):
        runtime.generate(conversation, Sampling(), Listener(), threading.Event())
    with pytest.raises(PromptError, match=rf"gives token {VOCABULARY} "):
        runtime.text_ids(beyond)
    said = runtime.generate([user("the cat")], Sampling(max_new_tokens=3), Listener(), threading.Event())
    assert said.tokens == 3


def test_a_tokenizer_with_plain_text_beyond_the_embedding_is_refused() -> None:
    tokenizer = byte_tokenizer()
    rows = 1 + max(tokenizer("Hello")["input_ids"])  # enough for a greeting, too few for a page
    with pytest.raises(LoadError, match=rf"^the tokenizer gives token \d+ .* embedding has {rows} rows; "):
        assemble(tiny_model("llama", vocab_size=rows), tokenizer, name="tiny")


class PanicException(BaseException):
    """As pyo3 raises it."""


@pytest.mark.parametrize("error", [Exception("WordPiece error:\nno [UNK]"), PanicException("no [UNK]")])
def test_a_tokenizer_that_fails_is_told_in_a_sentence(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    tokenizer = byte_tokenizer()
    monkeypatch.setattr(type(tokenizer), "__call__", fail)
    with pytest.raises(LoadError, match=rf"^the tokenizer failed: {type(error).__name__}: .*no \[UNK\]$"):
        assemble(tiny_model("llama"), tokenizer, name="tiny")


def test_a_tokenizer_without_end_or_beginning_is_served() -> None:
    tokenizer = byte_tokenizer("{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}")
    tokenizer.eos_token = None
    model = tiny_model("llama", bos_token_id=None, eos_token_id=None)
    runtime = assemble(model, tokenizer, name="tiny")
    assert prompt(runtime) == "hi"
    said = runtime.generate([user("hi")], Sampling(max_new_tokens=3), Listener(), threading.Event())
    assert (said.tokens, said.reason) == (3, "length")


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("openai-gpt", {"n_embd": 32, "n_layer": 2, "n_head": 4}),
        ("xlm", {"emb_dim": 32, "n_layers": 2, "n_heads": 4, "n_words": VOCABULARY}),
    ],
)
def test_a_model_that_keeps_nothing_between_passes_is_refused(kind: str, sizes: dict[str, object]) -> None:
    model = tiny_model(kind, torch.float32, **sizes)
    with pytest.raises(LoadError, match=rf"`tiny` \({kind}\) cannot be chatted with: its class in transf"):
        assemble(model, byte_tokenizer(), name="tiny")


@pytest.mark.parametrize("length", [1, 7])
def test_a_context_too_short_for_a_conversation_is_refused(length: int) -> None:
    model = tiny_model("llama", max_position_embeddings=length)
    with pytest.raises(LoadError, match=rf"^`tiny` has a context of {length} tokens; a conversation needs"):
        assemble(model, byte_tokenizer(), name="tiny")


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
def test_a_folder_whose_template_cannot_be_used_is_refused(
    tmp_path: Path, template: object, said: str
) -> None:
    with pytest.raises(LoadError) as refusal:
        load(folder(tmp_path, template), device="cpu")
    assert str(refusal.value).startswith(said)
    assert "\n" not in str(refusal.value)


def test_a_folder_whose_template_does_not_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = Renderer(seconds=0.5)
    monkeypatch.setattr("llmri_server.runtimes.common.templates.template.renderer", lambda: hasty)
    with pytest.raises(LoadError, match=r"was ended because it took longer than 0\.5 seconds$"):
        load(folder(tmp_path, ENDLESS), device="cpu")


@pytest.mark.parametrize(
    ("template", "written"),
    [
        (PARTS, "<|user|>hi"),
        ([{"name": "tool_use", "template": "T"}, {"name": "chat", "template": TEMPLATE}], None),
        ([{"name": "rag", "template": "R"}, {"name": "default", "template": PARTS}], "<|user|>hi"),
        (" \n", "hi"),
    ],
)
def test_a_folder_of_any_usable_template_is_served(
    tmp_path: Path, template: object, written: str | None
) -> None:
    runtime = load(folder(tmp_path, template), device="cpu")
    assert runtime.card.chat == (template != " \n")
    assert prompt(runtime) == (written or "<|user|>hi<|end|><|assistant|>")


def test_templates_in_a_folder_of_their_own_are_found(tmp_path: Path) -> None:
    path = folder(tmp_path, None)
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates" / "rag.jinja").write_text("R{{ messages[-1].content }}", "utf-8")
    (tmp_path / "additional_chat_templates" / "talk.jinja").write_text("T{{ messages[-1].content }}", "utf-8")
    assert prompt(load(path, device="cpu")) == "Thi"
