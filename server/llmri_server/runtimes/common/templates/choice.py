"""Which of a model's chat templates is used, and what is said of it at load."""

import logging
from collections.abc import Mapping

from llmri_server.runtime import LoadError, PromptError
from llmri_server.runtimes.common.templates.template import ChatTemplate

logger = logging.getLogger(__name__)

DEFAULT = "default"
FOR_MORE = ("tool_use", "rag")  # by transformers' convention: templates for tools and for documents


def choose_template(
    templates: str | Mapping[str, str] | None, tokens: Mapping[str, str]
) -> ChatTemplate | None:
    """Return the chat template of a model that has one, some by name, or none.

    Of named ones it is the one called `default`, else the first that takes a conversation, those for tools
    and documents last; a warning says which. A template of nothing but space is none.

    Args:
        templates: The template, or templates by their names.
        tokens: The texts of special tokens by the names that templates know.

    Raises:
        LoadError: None can be used; the message is one sentence.
    """
    named = _named(templates)
    if DEFAULT in named:
        return _checked(DEFAULT, named[DEFAULT], tokens)
    failures: dict[str, LoadError] = {}
    for name in sorted(named, key=lambda name: name in FOR_MORE):
        try:
            chosen = _checked(name, named[name], tokens)
        except LoadError as error:
            failures[name] = error
            continue
        if len(named) > 1:
            logger.warning(
                "of the chat templates %s none is called `%s`: `%s` is used; rename the one you want to `%s`",
                ", ".join(f"`{each}`" for each in named), DEFAULT, name, DEFAULT,
            )  # fmt: skip
        return chosen
    if failures:
        name, first = next(iter(failures.items()))
        raise LoadError(f"none of the chat templates {', '.join(failures)} can be used; of `{name}`: {first}")
    return None


def _named(templates: object) -> dict[str, str]:
    """Return templates by name, without those of nothing but space.

    Raises:
        LoadError: A template is no text.
    """
    several = templates if isinstance(templates, Mapping) else {DEFAULT: templates or ""}
    named: dict[str, str] = {}
    for name, template in several.items():
        if not isinstance(template, str):
            raise LoadError(
                f"the chat template `{name}` is a {type(template).__name__}, expected a text in Jinja"
            )
        if template.strip():
            named[str(name)] = template
    return named


def _checked(name: str, source: str, tokens: Mapping[str, str]) -> ChatTemplate:
    try:
        template = ChatTemplate(source, tokens)
    except PromptError as error:
        raise LoadError(str(error)) from None
    if template.left_out:
        logger.warning(
            "of a longer conversation the chat template `%s` leaves out %s", name, template.left_out
        )
    return template
