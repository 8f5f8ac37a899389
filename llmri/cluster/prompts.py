"""A file of prompts: what is said, and what kind of turn each is."""

import re
from dataclasses import dataclass
from pathlib import Path

from llmri.cluster.errors import ClusterError
from llmri_protocol.user_files import TextError, read_text

LONGEST_FILE = 1 << 24  # bytes; a longer one is hardly a list of prompts


@dataclass(frozen=True)
class Prompt:
    """One thing to say, in a conversation of its own; `group` is what it is about, where that is named."""

    text: str
    group: str = ""


def read(path: Path) -> tuple[Prompt, ...]:
    """Return the prompts of a file.

    Raises:
        ClusterError: It can't be read, or is not written as `parse` wants it.
    """
    try:
        text = re.sub("\r\n?", "\n", read_text(path, LONGEST_FILE))
    except OSError as error:
        raise ClusterError(f"cannot read the prompts in {path}: {error.strerror}") from None
    except TextError as error:
        raise ClusterError(f"{path} holds no prompts: {error}") from None
    if "\0" in text:
        raise ClusterError(f"{path} is no text: character {text.index(chr(0))} is a null")
    return parse(text, str(path))


def parse(text: str, source: str) -> tuple[Prompt, ...]:
    """Return the prompts of a text, one a line.

    A line `[mathematics]` begins a group, to which the prompts under it belong. Empty lines and those that
    begin with `#` say nothing. What a line begins or ends with in white space is not said.

    Args:
        text: The lines.
        source: Where they come from, for messages.

    Raises:
        ClusterError: A group has no name or no prompts, or there is nothing to say.
    """
    prompts: list[Prompt] = []
    group, begun = "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        if not said.startswith("["):
            prompts.append(Prompt(said, group))
            continue
        _end_group(prompts, group, source, begun)
        group, begun = _group_name(said, source, number), number
    _end_group(prompts, group, source, begun)
    if not prompts:
        raise ClusterError(f"{source} holds no prompts, expected one a line")
    return tuple(prompts)


def _group_name(line: str, source: str, number: int) -> str:
    name = line.removeprefix("[").removesuffix("]").strip()
    if not name or not line.endswith("]") or "[" in name or "]" in name:
        raise ClusterError(
            f"{source}, line {number}: {line!r} begins no group, expected a name in brackets as [mathematics]"
        )
    return name


def _end_group(prompts: list[Prompt], group: str, source: str, begun: int) -> None:
    if group and (not prompts or prompts[-1].group != group):
        raise ClusterError(f"{source}, line {begun}: the group [{group}] holds no prompts")
