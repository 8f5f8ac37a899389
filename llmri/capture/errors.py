"""What a capture says in one sentence and no traceback."""


class CaptureError(Exception):
    """A capture cannot be made or read; the message is one sentence."""
