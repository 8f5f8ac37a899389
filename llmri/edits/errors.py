"""What `llmri edits` says in one sentence and no traceback."""


class EditsError(Exception):
    """A user's mistake, or something in the way; the message is one sentence."""
