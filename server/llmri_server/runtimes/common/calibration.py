"""The text that a model is measured on: for baselines, massive activations and the loss under ablation.

Most models read a page of mixed prose, dialogue, sums, code and other languages. `pocket` knows only its nine
skills, so it reads a conversation of its own kinds, from its training split, with the marks of its template
written out: a tokenizer reads those as special tokens.
"""

from functools import cache

from llmri_protocol.configs import ConfigError, folder
from llmri_protocol.messages import ModelCard
from llmri_server.runtime import Runtime

MOST_TOKENS = 512  # what is measured stays bounded, however a tokenizer splits the text
GENERAL = "calibration.txt"
OWN = {"pocket": "calibration-pocket.txt"}  # by the model's name


def calibration_text(card: ModelCard) -> str:
    """Return the bundled text for a model.

    Raises:
        ConfigError: The text is not installed.
    """
    return _read(OWN.get(card.name, GENERAL))


def calibration_ids(runtime: Runtime) -> tuple[int, ...]:
    """Return its tokens, at most `MOST_TOKENS` and within the model's context.

    Raises:
        ConfigError: The text is not installed.
    """
    ids = runtime.text_ids(calibration_text(runtime.card))
    return ids[: min(MOST_TOKENS, runtime.card.context)]


@cache
def _read(name: str) -> str:
    path = folder() / name
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
