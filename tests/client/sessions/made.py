"""Sessions made for tests: bodies as a server sends them, with scans of random values."""

from pathlib import Path

import numpy as np

from llmri_client.sessions.writer import SessionWriter
from llmri_protocol.arrays import scan_message
from llmri_protocol.codec import encode
from llmri_protocol.fields import PROTOCOL_VERSION
from llmri_protocol.frames import LENGTH
from llmri_protocol.messages import Message, Token, TurnEnd, TurnStart


def body_of(message: Message) -> bytes:
    return b"".join(encode(message))[LENGTH.size :]


def turn(number: int, tokens: int, *, layers: int = 4, width: int = 16) -> list[bytes]:
    """Return the bodies of a turn, with a scan at each token."""
    random = np.random.default_rng(number)
    begun = 1000.0 * number
    bodies: list[Message] = [TurnStart(turn=number, prompt="?", time=begun)]
    for token in range(tokens):
        rows = random.standard_normal((layers, width), np.float32)
        bodies += [
            Token(turn=number, token=token, phase="generate", id=token, text=f" {token}"),
            scan_message(
                rows,
                "f32",
                turn=number,
                token=token,
                phase="generate",
                site="resid_post",
                layers=tuple(range(layers)),
                time=begun + token,
            ),
        ]
    bodies.append(TurnEnd(turn=number, reason="end", text="", tokens=tokens, seconds=1.0))
    return [body_of(body) for body in bodies]


def write(path: Path, turns: int = 3, tokens: int = 5, *, close: bool = True, width: int = 16) -> list[bytes]:
    """Write a session; give its bodies in order."""
    bodies = [body for number in range(1, turns + 1) for body in turn(number, tokens, width=width)]
    writer = SessionWriter(path, PROTOCOL_VERSION, "tests")
    for place, body in enumerate(bodies):
        writer.append([body], 5e5 + place)
    if close:
        writer.close()
    return bodies
