"""What somebody may have meant by a name that nothing has."""

from collections.abc import Iterable
from difflib import get_close_matches

NEAR = 0.6  # of 1 for equal names (Ratcliff and Obershelp 1988); below it a guess is a guess


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that names the nearest known name; nothing where none is near."""
    by_folded = {name.casefold(): name for name in known}
    near = get_close_matches(given.casefold(), by_folded, n=1, cutoff=NEAR)
    return f"; did you mean `{by_folded[near[0]]}`?" if near else ""
