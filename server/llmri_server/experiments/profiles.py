"""How strongly every unit fires where a model decides its reply."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from llmri_server.pocket.answers import chat_texts, padded
from llmri_server.pocket.skills import Example
from llmri_server.torch_runtime import TorchRuntime

BATCH = 32


@dataclass
class Profile:
    """Running means over positions, of every unit's magnitude and of its square.

    The totals are `[layers, width]`, in float64 so that long recordings lose nothing.
    """

    magnitudes: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]
    positions: int = 0

    @classmethod
    def of(cls, recordings: Iterable[npt.NDArray[np.floating]]) -> "Profile":
        """Take in recordings of `[positions, layers, width]`, at least one."""
        running: Profile | None = None
        for recording in recordings:
            if running is None:
                running = cls(np.zeros(recording.shape[1:]), np.zeros(recording.shape[1:]))
            running.add(recording)
        if running is None:
            raise ValueError("no recording was given, at least one is needed")
        return running

    def add(self, recording: npt.NDArray[np.floating]) -> None:
        """Take in `[positions, layers, width]`."""
        self.magnitudes += np.abs(recording).sum(axis=0, dtype=np.float64)
        self.squares += np.square(recording).sum(axis=0, dtype=np.float64)
        self.positions += len(recording)

    @property
    def magnitude(self) -> npt.NDArray[np.float64]:
        """Mean magnitude of every unit, `[layers, width]`."""
        return self.magnitudes / self.positions

    @property
    def square(self) -> npt.NDArray[np.float64]:
        """Mean square of every unit, `[layers, width]`."""
        return self.squares / self.positions


def reply_profile(
    runtime: TorchRuntime, site: str, prompts: Sequence[str], replies: Sequence[str]
) -> Profile:
    """Return the profile of every unit of a site over replies to prompts.

    The positions are those whose next token belongs to the reply or ends it: there the model decides
    what to say.
    """
    return Profile.of(_recordings(runtime, site, prompts, replies))


def example_profile(runtime: TorchRuntime, site: str, examples: Sequence[Example]) -> Profile:
    """Return the same over right replies to a skill's examples."""
    prompts, replies = zip(*((example.prompt, example.reply) for example in examples), strict=True)
    return reply_profile(runtime, site, prompts, replies)


def _recordings(
    runtime: TorchRuntime, site: str, prompts: Sequence[str], replies: Sequence[str]
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the rows at deciding positions, `[positions, layers, width]`, a batch at a time."""
    for first in range(0, len(prompts), BATCH):
        batch = slice(first, first + BATCH)
        asked = chat_texts(runtime.tokenizer, prompts[batch])
        whole = [text + reply for text, reply in zip(asked, replies[batch], strict=True)]
        ids, mask = padded(runtime.tokenizer(whole, add_special_tokens=False)["input_ids"], "right")
        lengths = [len(each) for each in runtime.tokenizer(asked, add_special_tokens=False)["input_ids"]]
        device = runtime.model.device
        with runtime.record(site) as recording, torch.inference_mode():
            runtime.model(input_ids=ids.to(device), attention_mask=mask.to(device))
        deciding = mask.bool().numpy()
        for row, length in enumerate(lengths):
            deciding[row, : length - 1] = False
        yield recording.rows[deciding.ravel()]
