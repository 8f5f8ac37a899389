"""The checkpoint that a name stands for."""

from pathlib import Path

from llmri_server.pocket import WEIGHTS
from llmri_weights.checkpoint import Checkpoint, open_checkpoint

BUNDLED = {"pocket": WEIGHTS} | {path.name: path for path in WEIGHTS.parent.glob("*.gguf")}


def open_named(name: str) -> Checkpoint:
    """Open a bundled model, a folder, an index or a file.

    Raises:
        WeightsError: There is none, or it can't be read.
    """
    return open_checkpoint(name if Path(name).exists() else str(BUNDLED.get(name, name)))
