"""What `llmri cluster` says in one sentence and no traceback."""


class ClusterError(Exception):
    """A user's mistake, or something in the way; the message is one sentence."""
