"""Samples to lay out: overlapping blocks, structure that moves, and the bundled model's own."""

import random
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch

from llmri_server.pocket.answers import chat_texts
from llmri_server.pocket.skills import SKILLS
from llmri_server.torch_runtime import load

Samples = npt.NDArray[np.float32]

UNITS = 4096
SITE = "mlp_act"
QUESTIONS = 256  # over all skills in turn; their replies hold some thousands of tokens
BATCH = 32


def overlapping_blocks(samples: int, rng: np.random.Generator, units: int = UNITS) -> Samples:
    """Return units of 64 blocks, `[samples, units]`; half of them fire with a second block too."""
    blocks = 64
    loading = np.zeros((units, blocks))
    loading[np.arange(units), rng.integers(blocks, size=units)] = 1
    second = rng.permutation(units)[: units // 2]
    loading[second, rng.integers(blocks, size=len(second))] += rng.uniform(0.2, 1, size=len(second))
    driven = rng.normal(size=(samples, blocks)) @ loading.T
    return (driven + 0.5 * rng.normal(size=driven.shape)).astype(np.float32)


def moving_bumps(samples: int, rng: np.random.Generator, units: int = UNITS) -> Samples:
    """Return units that fire as bumps travel past their place on a sheet, `[samples, units]`.

    The places drift too, by a tenth of the sheet, so that no sample finds quite the structure that
    another had.
    """
    before, after = rng.uniform(size=(units, 2)), 0.1 * rng.normal(size=(units, 2))
    bumps, width = 3, 0.12
    centres = _travel(samples, bumps, rng)
    time = np.linspace(-0.5, 0.5, samples)
    values = np.empty((samples, units), dtype=np.float32)
    for row, (moment, centre) in enumerate(zip(time, centres, strict=True)):
        apart = before + moment * after - centre[:, None]
        values[row] = np.exp(-(apart**2).sum(axis=2) / (2 * width**2)).sum(axis=0)
    return values + rng.normal(scale=0.1, size=values.shape).astype(np.float32)


def _travel(samples: int, bumps: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return where each bump stands, `[samples, bumps, 2]`: it walks, and is thrown back at the edges."""
    steps = 0.1 * rng.normal(size=(samples, bumps, 2))
    steps[0] = rng.uniform(size=(bumps, 2))
    folded = np.mod(np.cumsum(steps, axis=0), 2)
    centres: npt.NDArray[np.float64] = np.minimum(folded, 2 - folded)
    return centres


def pocket_replies(samples: int, rng: np.random.Generator) -> Samples:
    """Return all MLP units of the bundled model at tokens of its own skills, `[samples, 4096]`.

    Tokens are drawn from fixed conversations over all skills, without their first tokens.
    """
    runtime = load("pocket", device="cpu", dtype="float32")
    asking = random.Random(int(rng.integers(2**32)))
    examples = [SKILLS[number % len(SKILLS)].sample(asking, "train") for number in range(QUESTIONS)]
    asked = chat_texts(runtime.tokenizer, [example.prompt for example in examples])
    texts = [text + example.reply for text, example in zip(asked, examples, strict=True)]
    kept = []
    for first in range(0, len(texts), BATCH):
        encoded = runtime.tokenizer(
            texts[first : first + BATCH],
            return_tensors="pt",
            padding=True,
            padding_side="right",
            add_special_tokens=False,
        )
        with runtime.record(SITE) as recording, torch.inference_mode():
            runtime.model(input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"])
        wanted = encoded["attention_mask"].bool().numpy()
        wanted[:, 0] = False
        kept.append(recording.rows[wanted.ravel()])
    rows = np.concatenate(kept)
    drawn = rng.permutation(len(rows))[:samples]
    return rows[np.sort(drawn)].reshape(samples, -1)


SOURCES: Mapping[str, Callable[[int, np.random.Generator], Samples]] = {
    "overlapping blocks": overlapping_blocks,
    "moving bumps": moving_bumps,
    "pocket": pocket_replies,
}
