"""What a key is called: in key tables, and as people write it."""

import difflib

GESTURES = (
    "click",
    "shift+click",
    "doubleclick",
    "drag",
    "rightdrag",
    "ctrl+drag",
    "wheel",
    "shift+wheel",
)
HELD = ("ctrl", "alt", "shift")  # in this order
NAMED = {
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "tab": "Tab",
    "space": "Space",
    "escape": "Esc",
    "return": "Enter",
    "backspace": "Backspace",
    "delete": "Del",
    "insert": "Ins",
    "home": "Home",
    "end": "End",
    "page up": "PgUp",
    "page down": "PgDn",
    **{f"f{number}": f"F{number}" for number in range(1, 16)},
}
WRITTEN = {"doubleclick": "double click", "rightdrag": "right drag"}


def shown(key: str) -> str:
    """Return a key as people write it: `shift+click` becomes `Shift+click`, `b` becomes `B`."""
    held, last = _parts(key)
    name = NAMED.get(last) or WRITTEN.get(last) or (last.upper() if len(last) == 1 else last)
    return "+".join([*(part.capitalize() for part in held), name])


def fault(key: str) -> str:
    """Say why no keyboard gives a key of that name, and what may be meant; empty where one does."""
    if key in GESTURES:
        return ""
    held, last = _parts(key)
    if any(word not in HELD for word in held):
        return f"only {', '.join(HELD)} are held while another key is pressed"
    if last in NAMED or (len(last) == 1 and last.isprintable() and last == last.lower()):
        ordered = "+".join([*(word for word in HELD if word in held), last])
        return "" if ordered == key else f"write it `{ordered}`"
    if len(last) == 1:
        return f"write it `{'+'.join([*held, last.lower()])}`, and `shift+` for a capital"
    nearest = difflib.get_close_matches(last, (*NAMED, *GESTURES), n=1, cutoff=0.0)
    return f"did you mean `{nearest[0]}`?" if nearest else "name one, such as `b`"


def together(keys: tuple[str, ...]) -> str:
    """Return keys side by side as people write them: a run of digits as `1 … 9`, what is held once."""
    numbers = [int(key) for key in keys if key.isdigit()]
    if len(numbers) == len(keys) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):  # noqa: PLR2004
        return f"{numbers[0]} … {numbers[-1]}"
    held, lasts = {tuple(_parts(key)[0]) for key in keys}, [_parts(key)[1] for key in keys]
    if len(held) == 1 and held != {()} and len(keys) > 1:
        return "/".join([shown(keys[0]), *(shown(last) for last in lasts[1:])])
    return "  ".join(shown(key) for key in keys)


def _parts(key: str) -> tuple[list[str], str]:
    """Divide a key in what is held and what is pressed; a plus may be pressed, too."""
    if key in {"+", ""}:
        return [], key
    head, last = (key[:-2], "+") if key.endswith("++") else (key.rpartition("+")[0], key.rpartition("+")[2])
    return head.split("+") if head else [], last
