"""What an experiment says in one sentence and no traceback."""


class ExperimentError(ValueError):
    """A plan cannot be carried out; the message names the key or the value and says what would do."""
