"""What `llmri capture` asks on a terminal, when it was not told."""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from llmri.capture.families import default_prompts, families
from llmri.capture.plain_llama import dropped_path
from llmri_server.llama_runtime.face import check_file
from llmri_server.runtime import LoadError

DEFAULT = "default"

Read = Callable[[], str]


def ask_path(console: Console, read: Read) -> Path:
    """Ask for the model until there is such a GGUF file."""
    console.print("The GGUF file: type, paste or drag it here, or say [bold]pocket[/] for the bundled model.")
    while True:
        if text := _answer(console, "> ", read):
            path = dropped_path(text)
            try:
                check_file(path)
            except LoadError as error:
                console.print(f"{error}.", markup=False, highlight=False, soft_wrap=True)
            else:
                return path


def ask_family(console: Console, guessed: str, read: Read) -> str:
    """Show the family that was guessed, and let it be changed."""
    known = families()
    for number, (name, title) in enumerate(known.items(), start=1):
        remark = " (guessed from the file)" if name == guessed else ""
        console.print(f"  {number}. {title}{remark}", markup=False, highlight=False)
    while True:
        text = _answer(console, "Family [Enter for the guess]: ", read)
        if not text:
            return guessed
        if text.isdecimal() and 1 <= int(text) <= len(known):
            return list(known)[int(text) - 1]
        if text in known:
            return text
        console.print(f"Expected a number from 1 to {len(known)}.")


def ask_prompts(console: Console, read: Read) -> tuple[str, ...]:
    """Ask for prompts until an empty one; `default` is for those of `configs/capture.toml`."""
    console.print(f"The prompts, one a line; an empty one ends them, [bold]{DEFAULT}[/] takes ours.")
    prompts: list[str] = []
    while True:
        text = _answer(console, f"Prompt {len(prompts) + 1}: ", read)
        if text == DEFAULT:
            return (*prompts, *default_prompts())
        if text:
            prompts.append(text)
        elif prompts:
            return tuple(prompts)


def _answer(console: Console, question: str, read: Read) -> str:
    console.print(question, end="", markup=False, highlight=False)
    return read().strip()
