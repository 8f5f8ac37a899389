"""What a decoder says of a document, in the words of who wrote the document."""

import re
from collections.abc import Callable, Iterator

from msgspec import inspect

_AT = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_KEY_AT = re.compile(r" - at `key` in `\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<number>\d+|\.\.\.)\]")
_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
    "bytes": "bytes",
    "date": "a date",
    "datetime": "a date and time",
}
# The decoder's sentences, and ours; the first that fits is taken.
_SENTENCES = (
    (re.compile(r"^Object missing required field `(?P<name>[^`]*)`"), "the key `{name}` is missing"),
    (re.compile(r"^Object contains unknown field `(?P<name>[^`]*)`"), "there is no key `{name}`"),
    (re.compile(r"^Invalid (?:enum )?value '?(?P<name>.*?)'?$"), "`{name}` is none of what it may be"),
    (
        re.compile(r"^Expected `(?P<kind>\w+)` of length (?P<rest>.*)$"),
        "expected {kind} whose length is {rest}",
    ),
    (re.compile(r"^Expected `(?P<kind>\w+)` matching regex"), "expected {kind} of another form"),
    (re.compile(r"^Expected `(?P<kind>\w+)` (?P<rest>[<>=].*)$"), "expected {kind} {rest}"),
    (re.compile(r"^Expected `(?P<kinds>[^`]*)`(?:, got `(?P<got>[^`]*)`)?"), "expected {kinds}{got}"),
)
_COMPARISONS = ((">=", "at least"), ("<=", "at most"), ("<", "below"), (">", "above"))


def in_plain_words(
    error: Exception, where: Callable[[str], str] | None = None, kind: type | None = None
) -> str:
    """Return what is wrong and where, without the decoder's own names for types and places.

    `where` says a path, as `place_of` does unless another is given; of a word that is none of a few, `kind`,
    what was being read, tells which these are.
    """
    text, place = _split(str(error), where or place_of)
    for pattern, sentence in _SENTENCES:
        found = pattern.match(text)
        if found:
            known = choices(kind, str(error)) if kind is not None and "none of" in sentence else ()
            listed = f", expected one of {', '.join(known)}" if known else ""
            return sentence.format(**_words(found.groupdict())) + place + listed
    return text[:1].lower() + text[1:] + place


def choices(kind: type, error: str) -> tuple[str, ...]:
    """Return the words that may stand at the place which an error is about; none where that is not plain."""
    at = _AT.search(error)
    found: inspect.Type = inspect.type_info(kind)
    for step in _STEP.finditer(at["path"] if at else ""):
        found = next(_inside(found, step["name"]), inspect.AnyType())
    literals = [each for each in _alternatives(found) if isinstance(each, inspect.LiteralType)]
    return tuple(str(value) for literal in literals for value in literal.values)


def _alternatives(kind: inspect.Type) -> Iterator[inspect.Type]:
    """Return what a type may be, without what is only said of it."""
    if isinstance(kind, inspect.Metadata):
        yield from _alternatives(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from _alternatives(each)
    else:
        yield kind


def _inside(kind: inspect.Type, name: str | None) -> Iterator[inspect.Type]:
    """Return what stands in a field of that name or, without one, in an entry of a list."""
    for each in _alternatives(kind):
        if name is None and isinstance(each, inspect.VarTupleType | inspect.ListType):
            yield each.item_type
        elif isinstance(each, inspect.StructType):
            yield from (field.type for field in each.fields if field.encode_name == name)


def place_of(path: str) -> str:
    """Return a place such as `$.edits[0].op` as people say it: `op` of entry 1 of `edits`."""
    steps = []
    for step in _STEP.finditer(path):
        if step["name"]:
            steps.append(f"`{step['name']}`")
        else:
            steps.append("an entry" if step["number"] == "..." else f"entry {int(step['number']) + 1}")
    return " of ".join(reversed(steps))


def key_of(path: str) -> str:
    """Return a place such as `$.operations[0].op` as a configuration's key: `operations[0].op`."""
    return f"`{path.lstrip('.')}`" if path else ""


def _split(text: str, where: Callable[[str], str]) -> tuple[str, str]:
    """Return the sentence, and where it is about."""
    for pattern, before in ((_KEY_AT, "a key of "), (_AT, "")):
        found = pattern.search(text)
        if found:
            place = where(found["path"])
            return text[: found.start()], f" in {before}{place}" if place else ""
    return text, ""


def _words(found: dict[str, str | None]) -> dict[str, str]:
    words = {key: value or "" for key, value in found.items()}
    if "kind" in words:
        words["kind"] = _KINDS.get(words["kind"], words["kind"])
    if "rest" in words:
        for sign, said in _COMPARISONS:
            words["rest"] = words["rest"].replace(sign, said)
    if "kinds" in words:
        words["kinds"] = " or ".join(
            _KINDS.get(kind.strip(), kind.strip()) for kind in words["kinds"].split("|")
        )
        got = words["got"]
        words["got"] = f", got {_KINDS.get(got, got)}" if got else ""
    return words
