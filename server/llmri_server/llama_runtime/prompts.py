"""Prompts by llama.cpp's tokenizer and the file's own chat template."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from llmri_server import prompts
from llmri_server.llama_runtime.vocabulary import Vocabulary
from llmri_server.runtime import ChatMessage, LoadError

Render = Callable[[Sequence[ChatMessage]], str]


class PromptWriter(prompts.PromptWriter):
    """Writes prompts with a chat template in Jinja, or, where it is empty, as plain text to continue.

    Raises:
        LoadError: The template is no Jinja.
    """

    def __init__(self, vocabulary: Vocabulary, template: str) -> None:
        self._vocabulary = vocabulary
        self._rendered = _renderer(vocabulary, template)
        super().__init__(chat=bool(template))

    def _render(self, messages: Sequence[ChatMessage]) -> str:
        return self._rendered(messages)

    def _tokens(self, text: str, *, add_special: bool) -> list[int]:
        return self._vocabulary.ids(text, add_special=add_special)

    def _beginning(self) -> int:
        start = self._vocabulary.begin
        return (self._vocabulary.end or 0) if start is None else start


def _renderer(vocabulary: Vocabulary, template: str) -> Render:
    """Give what renders a template as transformers does, whose templates these are."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    try:
        compiled = environment.from_string(template)
    except TemplateError as error:
        raise LoadError(f"the file's chat template cannot be read: {error}") from None

    def text(token: int | None) -> str:
        return "" if token is None else vocabulary.text_of(token)

    def render(messages: Sequence[ChatMessage]) -> str:
        return compiled.render(
            messages=[dict(message) for message in messages],
            add_generation_prompt=True,
            bos_token=text(vocabulary.begin),
            eos_token=text(vocabulary.end),
        )

    return render


def _to_json(value: object, **options: Any) -> str:  # noqa: ANN401 - those of `json.dumps`
    return json.dumps(value, ensure_ascii=False, **options)


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)
