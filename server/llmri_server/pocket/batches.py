"""Training batches: conversations packed to full rows, with a weight a token for the loss."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerFast

from llmri_server.pocket.dialogues import SHARES, conversation
from llmri_server.pocket.tokenizer import ASSISTANT, END

# A question is noise to whoever must guess it, yet its tokens should not look absurd on screen.
PROMPT_WEIGHT = 0.1
TURNS_PER_DRAW = 10


@dataclass(frozen=True)
class TrainingBatch:
    """Token ids and the weight of each in the loss, both `[rows, length]`."""

    ids: torch.Tensor
    weights: torch.Tensor


def make_batch(
    tokenizer: PreTrainedTokenizerFast,
    *,
    seed: int,
    step: int,
    rows: int,
    length: int,
    shares: Sequence[int] = SHARES,
) -> TrainingBatch:
    """Return the batch of that step: a function of its arguments, so that training can resume anywhere."""
    rng = random.Random(f"{seed}/{step}")
    ids = [_row(tokenizer, rng, length, shares) for _ in range(rows)]
    vocabulary = tokenizer.get_vocab()
    assistant, end = vocabulary[ASSISTANT], vocabulary[END]
    weights = [_weights(row, assistant, end) for row in ids]
    return TrainingBatch(torch.tensor(ids), torch.tensor(weights))


def _row(
    tokenizer: PreTrainedTokenizerFast, rng: random.Random, length: int, shares: Sequence[int]
) -> list[int]:
    """One conversation, long enough to fill the row and cut where the row ends."""
    turns = TURNS_PER_DRAW
    while True:
        state = rng.getstate()
        text = tokenizer.apply_chat_template(conversation(rng, turns, shares), tokenize=False)
        ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        if len(ids) >= length:
            return ids[:length]
        rng.setstate(state)
        turns *= 2


def _weights(ids: Sequence[int], assistant: int, end: int) -> list[float]:
    """Weigh replies and their end mark at one, everything else at `PROMPT_WEIGHT`."""
    replying, weights = False, []
    for token in ids:
        weights.append(1.0 if replying else PROMPT_WEIGHT)
        replying = token == assistant or (replying and token != end)
    return weights
