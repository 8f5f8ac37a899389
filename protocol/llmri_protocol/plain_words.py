"""What a decoder says of a document, in the words of who wrote the document."""

import re
from collections.abc import Callable

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


def in_plain_words(error: Exception, where: Callable[[str], str] | None = None) -> str:
    """Return what is wrong and where, without the decoder's own names for types and places.

    `where` says a path, as `place_of` does unless another is given.
    """
    text, place = _split(str(error), where or place_of)
    for pattern, sentence in _SENTENCES:
        found = pattern.match(text)
        if found:
            return sentence.format(**_words(found.groupdict())) + place
    return text[:1].lower() + text[1:] + place


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
