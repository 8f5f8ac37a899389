"""What the exporter raises."""


class ExportError(ValueError):
    """A folder cannot be written as GGUF; the message is one sentence that names what does not fit."""
