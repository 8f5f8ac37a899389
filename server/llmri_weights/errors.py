"""What this package says in one sentence where a file is not what it claims to be."""


class WeightsError(Exception):
    """A checkpoint, or a part of one, can't be read; the message is one sentence."""
