"""What `llmri compare-runtimes` says in one sentence and no traceback."""


class CompareError(Exception):
    """Two models cannot be compared; the message is one sentence."""
