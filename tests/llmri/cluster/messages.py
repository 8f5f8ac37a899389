"""A server's messages, made by hand."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from llmri_protocol.arrays import scan_message
from llmri_protocol.messages import Scan, ServerMessage, Token, TurnEnd, TurnStart

SITE, LAYERS, WIDTH = "mlp_act", (1, 3), 4


def scan(turn: int, token: int, rows: npt.NDArray[np.float32], site: str = SITE) -> Scan:
    return scan_message(
        rows, "f32", turn=turn, token=token, phase="prompt", site=site, layers=LAYERS[: len(rows)], time=0.0
    )


def turn(
    number: int, words: Sequence[str], rng: np.random.Generator, *, new: bool = True
) -> Iterator[ServerMessage]:
    """Yield the messages of a turn of these tokens, with a scan of random values for each."""
    yield TurnStart(turn=number, prompt="", new=new, time=0.0)
    for token, word in enumerate(words):
        yield Token(turn=number, token=token, phase="prompt", id=0, text=word)
    for token in range(len(words)):
        yield scan(number, token, rng.normal(size=(len(LAYERS), WIDTH)).astype(np.float32))
    yield TurnEnd(turn=number, reason="end", text="", tokens=0, seconds=0.0)
