"""Which edit made a model's logits infinite or not a number, found by trying the edits from the first on."""

from collections.abc import Callable, Sequence

from llmri_protocol.messages import Edit

BROKEN = "infinite or not a number"

Breaks = Callable[[Sequence[Edit]], bool]  # whether the logits are broken under these edits alone


def who_broke(edits: Sequence[Edit], breaks: Breaks) -> str:
    """Say who broke the logits: an edit, named, or the model itself.

    The edit that is named breaks the logits with those before it, which alone do not.
    """
    if breaks(()):
        return f"without any edit the model's own logits are {BROKEN}"
    if not edits or not breaks(edits):
        return f"the logits became {BROKEN} under {len(edits)} edits, but not when they were computed again"
    number = _first_breaking(edits, breaks)
    edit = edits[number - 1]
    action = f"{edit.op} {edit.value:g}" if edit.operation.valued else edit.op
    place = f"`{edit.site}`, layer {edit.layer}, {action}"
    return f"edit {number} of {len(edits)} ({place}) made the logits {BROKEN}"


def _first_breaking(edits: Sequence[Edit], breaks: Breaks) -> int:
    """Return how many edits it takes, counted from the first, by bisection; all of them do."""
    fine, broken = 0, len(edits)
    while broken - fine > 1:
        middle = (fine + broken) // 2
        if breaks(edits[:middle]):
            broken = middle
        else:
            fine = middle
    return broken
