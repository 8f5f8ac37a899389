"""What edits do to units, as far as a colour and a mark can tell it."""

from typing import Literal

from llmri_protocol.messages import Edit

EditEffect = Literal["more", "less", "off", "same", "other", "steer"]


def effect_of(edit: Edit) -> EditEffect:
    """Say what an edit does to its units; `other` puts another value in their place."""
    match edit.op:
        case "scale":
            return _against(edit.value, 1.0) if edit.value else "off"
        case "add":
            return _against(edit.value, 0.0)
        case "set":
            return "other" if edit.value else "off"
        case "steer":
            return "steer"
        case _:
            return "other"


def _against(value: float, neutral: float) -> EditEffect:
    if value == neutral:
        return "same"
    return "more" if value > neutral else "less"
