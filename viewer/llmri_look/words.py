"""Numbers and names as the window writes them: signed, of equal digits, and in plain words."""

import math
import re
from collections.abc import Callable, Sequence

from llmri_protocol.messages import SiteCard

TIMES = "\N{MULTIPLICATION SIGN}"
DASH = "\N{EN DASH}"
SHORT_ESCAPES, LONG_ESCAPES = 0x100, 0x10000  # code points below the first, and from the second on
LARGE, SMALL, THREE_DIGITS = 10_000, 0.0005, 100  # where numbers need an exponent, or fewer decimals
LEAST_PERCENT = 0.05
NAMED_LAYERS = 4  # named one by one at most
CLAUSE = re.compile("[,;] (?![^“]*”)")
VISIBLE = {"\n": "↵", "\t": "⇥"}


def number(value: float) -> str:
    """Return a signed number with three digits behind the point, or an exponent where it is large.

    Zero has no sign.
    """
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0.000"
    if abs(value) >= LARGE or 0 < abs(value) < SMALL:
        return f"{value:+.2e}"
    return f"{value:+.3f}" if abs(value) < THREE_DIGITS else f"{value:+.1f}"


def token(text: str) -> str:
    """Return a token's text; where nothing of it could be seen, what it is."""
    if not text:
        return "(empty)"
    return text if text.strip(" ") else "␣" * len(text)


def percent(logprob: float) -> str:
    """Return a probability in per cent, from its natural logarithm."""
    share = 100 * math.exp(min(logprob, 0.0))
    return f"{share:.1f} %" if share >= LEAST_PERCENT else "<0.1 %"


def factor(value: float) -> str:
    """Return a multiplier."""
    return f"{TIMES} {value:g}"


def units(site: SiteCard, count: int) -> str:
    """Return so many units of a site in words, such as `192 directions written by attention`."""
    noun, written, rest = site.unit.partition(" written ")
    return f"{count} {noun if count == 1 else _plural(noun)}{written}{rest}"


def _plural(noun: str) -> str:
    if noun.endswith("s"):
        return noun
    return f"{noun[:-1]}ies" if noun.endswith("ty") else f"{noun}s"


def count(number: int, thing: str) -> str:
    """Return so many things in words: `1 unit`, `12 units`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def layers(numbers: Sequence[int]) -> str:
    """Name layers, ascending: `layer 3`, `layers 0, 4`, a span, or how many of a span."""
    first, last = numbers[0], numbers[-1]
    if first == last:
        return f"layer {first}"
    if len(numbers) == last - first + 1:
        return f"layers {first}{DASH}{last}"
    if len(numbers) <= NAMED_LAYERS:
        return f"layers {', '.join(map(str, numbers))}"
    return f"{len(numbers)} of layers {first}{DASH}{last}"


def nats(value: float) -> str:
    """Return a divergence with three digits behind the point, or an exponent where that would hide it."""
    return f"{value:.3f}" if value >= SMALL or not value else f"{value:.1e}"


def clauses(text: str) -> tuple[str, ...]:
    """A text, and what is left of it without its last clauses, the longest first; quotes stay whole."""
    ends = [found.start() for found in CLAUSE.finditer(text)]
    return text, *(text[:end] for end in reversed(ends))


def shown_text(text: str, drawable: Callable[[str], bool]) -> str:
    """Return text with what cannot be drawn as its escape, and line ends and tabs as signs."""
    return "".join(
        VISIBLE.get(char) or (char if _plain(char) and drawable(char) else escape(char)) for char in text
    )


def escape(char: str) -> str:
    r"""Return a character's escape: `\x07`, `\u4f60` or `\U0001f600`."""
    code = ord(char)
    if code < SHORT_ESCAPES:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < LONG_ESCAPES else f"\\U{code:08x}"


def _plain(char: str) -> bool:
    return char.isprintable() or char == "\N{NO-BREAK SPACE}"
