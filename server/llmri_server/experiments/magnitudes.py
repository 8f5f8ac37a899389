"""How strongly every unit fires while a model gives right answers."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from llmri_server.experiments.selectivity import MeanMagnitude
from llmri_server.pocket.answers import chat_texts
from llmri_server.pocket.skills import Example
from llmri_server.torch_runtime import TorchRuntime

BATCH = 32


def reply_magnitudes(
    runtime: TorchRuntime, site: str, examples: Sequence[Example]
) -> npt.NDArray[np.float64]:
    """Give the mean magnitude of every unit of a site, `[layers, width]`, over right replies.

    The positions are those whose next token belongs to the reply or ends it: there the model decides
    what to say.
    """
    return MeanMagnitude.of(_recordings(runtime, site, examples)).mean


def _recordings(
    runtime: TorchRuntime, site: str, examples: Sequence[Example]
) -> Iterator[npt.NDArray[np.float32]]:
    """Give the rows at deciding positions, `[positions, layers, width]`, a batch at a time."""
    for first in range(0, len(examples), BATCH):
        batch = examples[first : first + BATCH]
        asked = chat_texts(runtime.tokenizer, [example.prompt for example in batch])
        answered = [text + example.reply for text, example in zip(asked, batch, strict=True)]
        encoded = runtime.tokenizer(
            answered, return_tensors="pt", padding=True, padding_side="right", add_special_tokens=False
        ).to(runtime.model.device)
        lengths = [len(runtime.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in asked]
        with runtime.record(site) as recording, torch.inference_mode():
            runtime.model(input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"])
        deciding = encoded["attention_mask"].bool().cpu().numpy()
        for row, length in enumerate(lengths):
            deciding[row, : length - 1] = False
        yield recording.rows[deciding.ravel()]
