"""What can be wrong with a file."""


class ClusterFileError(ValueError):
    """A cluster file cannot be read or written; the message is a sentence for a person."""
