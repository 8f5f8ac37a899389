"""Renders chat templates as transformers does: a program that `Renderer` starts, and may end at any time.

A template is a program that came with the weights. Here it has little time, little memory and nothing to
break: no loop, no `10 ** 10 ** 10` and no endless text reaches the server. Orders come as lines of JSON on
standard input, answers go as lines to standard output; the first line says that it is ready.
"""

import json
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

ORPHAN_SECONDS = 30  # a template that outlives the server and its limit ends by itself
MOST_MEMORY = 256 << 20  # bytes beyond what the program takes at rest
MEMORY_A_BYTE = 32  # more for each byte of the order: long conversations are no bombs
MOST_TEXT = 1 << 20  # characters beyond what the conversation has
TEXT_A_BYTE = 16
LONGEST_COMPLAINT = 300
PAGE_SIZE = 4096


class Generation(Extension):
    """Knows `{% generation %}`, which marks the replies for training and prints them."""

    tags = {"generation"}  # noqa: RUF012  # the library's attribute

    def parse(self, parser: Parser) -> nodes.Node:
        """Take the block and print what it prints."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_printed"), [], [], body).set_lineno(line)

    def _printed(self, caller: Macro) -> str:
        return str(caller())


class PlainDict:
    """`dict` without the class behind it."""

    def __call__(self, *values: Any, **items: Any) -> dict[Any, Any]:  # noqa: ANN401  # those of `dict`
        """Make a dictionary."""
        return dict(*values, **items)

    def fromkeys(self, *values: Any) -> dict[Any, Any]:  # noqa: ANN401
        """Make a dictionary of keys that share a value."""
        return dict.fromkeys(*values)


class PlainNamespace(Namespace):
    """`namespace` whose names are no inner ones of Python."""

    def __init__(*values: Any, **items: Any) -> None:  # noqa: ANN401  # `namespace(self=...)` is allowed
        self, *given = values
        names = dict(*given, **items)
        for name in names:
            _check_name(name)
        Namespace.__init__(self, names)

    def __setitem__(self, name: str, value: Any) -> None:  # noqa: ANN401
        _check_name(name)
        super().__setitem__(name, value)


def main() -> None:
    """Answer orders until standard input ends."""
    at_rest = _address_space()
    _tell({"ready": True})
    for line in sys.stdin.buffer:
        _limit_memory(at_rest + MOST_MEMORY + MEMORY_A_BYTE * len(line))
        _limit_time(ORPHAN_SECONDS)
        answer = _answer(json.loads(line), MOST_TEXT + TEXT_A_BYTE * len(line))
        _limit_time(0)
        _tell(answer)


def _tell(answer: Mapping[str, object]) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


def _answer(order: Mapping[str, Any], most: int) -> dict[str, str]:
    """Return the text, or what went wrong: anything may, templates are programs."""
    fault = "unreadable"
    try:
        template = _compiled(order["template"])
        fault = "failed"
        text = template.render(order["variables"])
    except MemoryError:
        return {"fault": "memory", "message": ""}
    except BaseException as error:
        refused = type(error) is jinja2.TemplateError
        return {"fault": "refused" if refused else fault, "message": _complaint(error)}
    if len(text) > most:
        return {"fault": "long", "message": f"{len(text)} characters, at most {most}"}
    return {"text": text}


def _complaint(error: BaseException) -> str:
    """Return an error's message in one short line, with its kind where the message alone says little."""
    said = " ".join(str(error).split())[:LONGEST_COMPLAINT]
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"line {error.lineno}: {' '.join((error.message or '').split())[:LONGEST_COMPLAINT]}"
    return said if isinstance(error, jinja2.TemplateError) and said else f"{type(error).__name__}: {said}"


@lru_cache(maxsize=16)
def _compiled(source: str) -> jinja2.Template:
    """Compile a template in the environment that transformers documents."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    environment.globals["dict"] = PlainDict()
    environment.globals["namespace"] = PlainNamespace
    return environment.from_string(source)


def _to_json(
    value: object,
    ensure_ascii: bool = False,  # templates may give them in this order
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _check_name(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"a namespace has no place for the inner name {name!r}")


def _address_space() -> int:
    """Return how many bytes of addresses the program takes; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * PAGE_SIZE
    except OSError:
        return 0


def _limit_memory(most: int) -> None:
    """Let allocations beyond so many bytes fail, where the system can."""
    try:
        import resource  # noqa: PLC0415  # Windows has none
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))


def _limit_time(seconds: int) -> None:
    """End the program after so many seconds, even inside a C function; 0 takes the limit away."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


if __name__ == "__main__":
    main()
