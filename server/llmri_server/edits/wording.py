"""Edits in words, for the journal."""

from collections.abc import Sequence

from llmri_protocol.messages import Edit


def in_words(edits: Sequence[Edit]) -> str:
    """Say what edits do, in words; of several, the first, and how many more there are."""
    if not edits:
        return "no edits"
    first, *others = edits
    return one_in_words(first) + (f", and {counted(len(others), 'more edit')}" if others else "")


def one_in_words(edit: Edit) -> str:
    """Say what one edit does, and where: scale 0 on 3 units of `mlp_act`, layer 4."""
    deed = f"{edit.op} {edit.value:g}" if edit.operation.valued else edit.op
    return f"{deed} on {_whom(edit)}`{edit.site}`, layer {edit.layer}"


def counted(number: int, thing: str) -> str:
    """Return `1 edit` or `3 edits`."""
    return f"{number} {thing}" if number == 1 else f"{number:,} {thing}s"


def _whom(edit: Edit) -> str:
    if edit.operation.aimed:
        return ""
    return f"unit {edit.units[0]} of " if len(edit.units) == 1 else f"{counted(len(edit.units), 'unit')} of "
