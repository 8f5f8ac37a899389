"""The little language of `--keys`: what a person would do, in words.

A word is a key as `keys.toml` names it, or one of:
`wait:connected`, `wait:scan`, `wait:turn_end`, `wait:edits`, `wait:tokens=N`, `wait:clusters`,
`wait:measured`, `click:unit=N`, `click:layer=N`, `click:token=N`, `click:cluster=N`, `click:ranked=N` for
the Nth of the list of active clusters, `click:X,Y` in pixels of the window, the same with `add:`, `double:`
or `point:` in place of `click:`, `type:TEXT`, `say:TEXT`, `new:TEXT` to say it in a new conversation,
`sleep:SECONDS`, `size:WxH`, `shot`, `shot:FILE`. A unit is one of the shown layer.
Quotes keep blanks together: `say:"count to five"`.
"""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from llmri_look.keys.bindings import GESTURE_KEYS, Bindings
from llmri_protocol.suggestions import did_you_mean

Event = Literal["connected", "scan", "turn_end", "edits", "tokens", "clusters", "measured"]
Target = Literal["unit", "layer", "token", "cluster", "ranked"]


class ScriptError(ValueError):
    """A script cannot be read; the message names the word and what would do."""


@dataclass(frozen=True)
class Press:
    """Press and let go of a key."""

    key: str


@dataclass(frozen=True)
class Wait:
    """Go on when something has come; `count` is for `tokens` generated in the newest turn."""

    event: Event
    count: int = 1


@dataclass(frozen=True)
class Click:
    """Put the pointer on something, and click so often."""

    target: Target
    number: int
    clicks: int = 1
    shift: bool = False


@dataclass(frozen=True)
class PointAt:
    """Put the pointer on a place of the window, and click so often."""

    x: int
    y: int
    clicks: int = 1
    shift: bool = False


@dataclass(frozen=True)
class Type:
    """Type text, as the keyboard would send it."""

    text: str


@dataclass(frozen=True)
class Say:
    """Say something to the model through the chat box, in a new conversation if that is wanted."""

    text: str
    new: bool = False


@dataclass(frozen=True)
class Sleep:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Size:
    """Give the window a size in pixels."""

    width: int
    height: int


@dataclass(frozen=True)
class Shot:
    """Save the picture; None is the file of `--shot`."""

    file: Path | None = None


Action = Press | Wait | Click | PointAt | Type | Say | Sleep | Size | Shot


CLICKS = {"click": 1, "add": 1, "double": 2, "point": 0}


def parse(text: str, table: Bindings) -> list[Action]:
    """Return the actions of a script.

    Raises:
        ScriptError: A word is none; the message names it.
    """
    try:
        words = shlex.split(text, posix=True) if "\\" not in text else shlex.split(text.replace("\\", "\\\\"))
    except ValueError as error:
        raise ScriptError(f"the script cannot be read: {str(error).lower()}") from None
    return [_action(word, table) for word in words]


def _action(word: str, table: Bindings) -> Action:
    keys = {key for row in table.rows for key in row.keys if key not in GESTURE_KEYS}
    if word in keys:
        return Press(word)
    verb, colon, rest = word.partition(":")
    if word == "shot":
        return Shot()
    if not colon or verb not in READERS:
        known = (*sorted(keys), "shot", *(f"{name}:" for name in READERS))
        raise ScriptError(f"`{word}` is no key and no word of a script{did_you_mean(word, known)}")
    return READERS[verb](word, rest)


def _sleep(word: str, rest: str) -> Action:
    return Sleep(float(_matched(word, rest, r"(\d+(?:\.\d+)?)", "sleep:0.5")[0]))


def _size(word: str, rest: str) -> Action:
    width, height = _matched(word, rest, r"(\d+)x(\d+)", "size:1280x800")
    return Size(int(width), int(height))


def _mouse(word: str, rest: str) -> Action:
    verb = word.partition(":")[0]
    clicks, shift = CLICKS[verb], verb == "add"
    if rest[:1].isdigit() and "," in rest:
        x, y = _matched(word, rest, r"(\d+),(\d+)", f"{verb}:640,400")
        return PointAt(int(x), int(y), clicks, shift)
    target, number = _matched(word, rest, r"(unit|layer|token|cluster|ranked)=(\d+)", f"{verb}:unit=127")
    return Click(cast("Target", target), int(number), clicks, shift)


def _wait(word: str, rest: str) -> Action:
    event, equals, count = rest.partition("=")
    if (
        event not in get_args(Event)
        or (event == "tokens") != bool(equals)
        or (equals and not count.isdigit())
    ):
        expected = ", ".join(f"wait:{name}" for name in get_args(Event) if name != "tokens")
        raise ScriptError(f"`{word}` is nothing to wait for; expected {expected} or wait:tokens=N")
    return Wait(cast("Event", event), int(count or 1))


def _matched(word: str, rest: str, pattern: str, example: str) -> tuple[str, ...]:
    found = re.fullmatch(pattern, rest)
    if found is None:
        raise ScriptError(f"`{word}` cannot be read; write it like `{example}`")
    return found.groups()


READERS: dict[str, Callable[[str, str], Action]] = {
    "wait": _wait,
    "click": _mouse,
    "add": _mouse,
    "double": _mouse,
    "point": _mouse,
    "type": lambda _, rest: Type(rest),
    "say": lambda _, rest: Say(rest),
    "new": lambda _, rest: Say(rest, new=True),
    "sleep": _sleep,
    "size": _size,
    "shot": lambda _, rest: Shot(Path(rest)),
}
