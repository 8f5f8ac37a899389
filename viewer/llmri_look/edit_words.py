"""Edits in few characters, for the window."""

from typing import Literal

from llmri_look import words
from llmri_protocol.messages import Edit
from llmri_protocol.spans import spans

LISTED = 12  # characters of a list of positions
LARGE, SMALL = 10_000, 0.005  # where two digits behind the point say too much, or nothing


def amount(edit: Edit) -> str:
    """Return the operation with its number: a factor, `+0.30`, `=2.00`, `mean`, `steer +1.50`."""
    match edit.operation.amount:
        case "factor":
            return words.factor(edit.value)
        case "sum":
            return _decimals(edit.value, "+")
        case "value":
            return f"={_decimals(edit.value)}"
        case "dose":
            return f"{edit.op} {_decimals(edit.value, '+')}"
        case "name":
            return edit.op


def where(edit: Edit) -> str:
    """Name the site, the layer, and the unit or how many units."""
    place = f"{edit.site} layer {edit.layer}"
    if edit.operation.aimed:
        return place
    units = f"unit {edit.units[0]}" if len(edit.units) == 1 else f"{len(edit.units)} units"
    return f"{place}, {units}"


def guarded(protected: int) -> str:
    """Say how many protected units an edit names; empty for none."""
    return words.count(protected, "protected unit") if protected else ""


def conditions(edit: Edit) -> str:
    """Say where in the conversation and when an edit acts; empty for everywhere and always."""
    scheduled = edit.schedule is not None and edit.positions == "generated"  # its tokens say it already
    parts = ["" if scheduled else _positions(edit)]
    if edit.operation.averaged and edit.baseline == "conversation":
        parts.append("of this conversation")
    if edit.since is not None:
        parts.append(f"from position {edit.since}")
    if not edit.special:
        parts.append("no special tokens")
    if edit.schedule is not None:
        first, tokens = edit.schedule.first, edit.schedule.tokens
        last = "" if tokens is None else f"{first + tokens - 1}"
        parts.append(f"reply tokens {first}{words.DASH}{last}")
        if edit.schedule.ramp:
            parts.append(f"ramp {edit.schedule.ramp}")
    return ", ".join(part for part in parts if part)


def _positions(edit: Edit) -> str:
    if isinstance(edit.positions, str):
        return {"all": "", "prompt": "prompt", "generated": "reply", "last": "last position"}[edit.positions]
    listed = spans(edit.positions)
    if len(listed) > LISTED:
        return f"{len(edit.positions)} positions"
    return f"position{'' if len(edit.positions) == 1 else 's'} {listed}"


def _decimals(value: float, sign: Literal["", "+"] = "") -> str:
    if value and not SMALL <= abs(value) < LARGE:
        return format(value, f"{sign}.2g")
    return format(value + 0.0, f"{sign}.2f")
