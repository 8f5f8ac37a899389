"""Text from files and peers, made fit for a terminal or for a message's field."""

import unicodedata

LONGEST_NAME = 256  # characters, as many as the protocol's names have
_KEPT = "\n\t"
_DIRECTIONS = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))  # reorder what is beside
_UNSENDABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, halves of characters, separators of lines


def printable(text: str) -> str:
    """Return text with what no terminal should be sent as its escape: a model may say anything."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def for_terminal(text: str) -> str:
    """Return text of several lines with controls and lone surrogates as their escapes."""
    return "".join(
        _escaped(char)
        if char not in _KEPT and (unicodedata.category(char) in _UNSENDABLE or char in _DIRECTIONS)
        else char
        for char in text
    )


def as_name(text: str, otherwise: str = "model") -> str:
    """Return a name that a message takes: on one line, not empty, with no more than its letters."""
    name = printable(" ".join(text.split())) or otherwise
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
