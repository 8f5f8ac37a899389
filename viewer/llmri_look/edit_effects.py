"""What edits do to units, as far as a colour and a mark can tell it."""

from typing import Literal

from llmri_protocol.messages import Edit

EditEffect = Literal["more", "less", "off", "same", "other", "aimed"]


def effect_of(edit: Edit) -> EditEffect:
    """Say what an edit does to its units; `other` puts another value in their place."""
    operation = edit.operation
    if operation.aimed:
        return "aimed"
    if operation.valued and edit.value == 0 and operation.neutral != 0:
        return "off"
    return "other" if operation.neutral is None else _against(edit.value, operation.neutral)


def _against(value: float, neutral: float) -> EditEffect:
    if value == neutral:
        return "same"
    return "more" if value > neutral else "less"
