"""Edits of a reply that is read in one pass, rather than written token by token."""

import msgspec

from llmri_protocol.messages import Edit


def as_if_generated(edit: Edit, prompt: int) -> Edit:
    """Return an edit that does in one pass over prompt and reply what it does token by token.

    While a reply is generated, the `last` positions of the passes are the prompt's last and each after it.
    """
    if edit.positions != "last":
        return edit
    return msgspec.structs.replace(edit, positions="all", since=max(edit.since or 0, prompt - 1))
