"""What a model's cache allows between turns, tried at load: see `llmri_server.runtimes.common.keeping`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import signature

import numpy as np
import numpy.typing as npt
import torch
from transformers import DynamicCache, PreTrainedModel

from llmri_server.runtimes.common.keeping import Keeping, measure_keeping

EXACTNESS = {torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
WINDOWS = ("sliding_window", "attention_chunk_size", "attention_window_size")  # names in configs
SHORT = 4  # a window that a few tokens overflow


@dataclass(frozen=True)
class CacheKeeping:
    """What may be done with a cache.

    Attributes:
        whole: While its layers hold every position.
        overflowed: Once windows have forgotten some.
    """

    whole: Keeping = field(default_factory=Keeping)
    overflowed: Keeping = field(default_factory=Keeping)


def measure_caches(model: PreTrainedModel, context: int) -> CacheKeeping:
    """Try the caches of a model of so long a context; where it has windows, with short ones too."""
    exactness = EXACTNESS.get(model.dtype, EXACTNESS[torch.bfloat16])
    vocabulary = int(model.config.get_text_config().vocab_size)
    with torch.no_grad():
        whole = measure_keeping(_Trial(model), vocabulary, context, exactness)
        with _short_windows(model) as shortened:
            overflowed = (
                measure_keeping(_Trial(model), vocabulary, context, exactness) if shortened else whole
            )
    return CacheKeeping(whole, overflowed)


class _Trial:
    """A cache to try, with the arguments that the library's own generation gives."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._parameters = signature(model.forward).parameters
        self._cache = DynamicCache(config=model.config)
        self._length = 0

    def whole(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        return self._read(ids, 0, use_cache=False)

    def disturb(self, ids: Sequence[int]) -> None:
        self.whole(ids)  # some models keep a state in their modules

    def begin(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        self._cache, self._length = DynamicCache(config=self._model.config), 0
        return self.go_on(ids)

    def go_on(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        start = self._length
        self._length += len(ids)
        return self._read(ids, start, use_cache=True, past_key_values=self._cache)

    def cut(self, count: int) -> bool:
        self._cache.crop(-count)
        self._length -= count
        return True

    def _read(self, ids: Sequence[int], start: int, **cache: object) -> npt.NDArray[np.float32]:
        stop, device = start + len(ids), self._model.device
        usual = {
            "attention_mask": torch.ones(1, stop, dtype=torch.long, device=device),
            "position_ids": torch.arange(start, stop, device=device)[None],
        }
        taken = {name: value for name, value in usual.items() if name in self._parameters}
        logits = self._model(torch.tensor([list(ids)], device=device), **taken, **cache).logits[0]
        rows: npt.NDArray[np.float32] = logits.float().cpu().numpy()
        return rows


@contextmanager
def _short_windows(model: PreTrainedModel) -> Iterator[bool]:
    """Let the windows of masks and caches be short inside; gives whether there are any."""
    config = model.config.get_text_config()
    values = {name: getattr(config, name, None) for name in WINDOWS}
    long = {name: value for name, value in values.items() if isinstance(value, int) and value > SHORT}
    try:
        for name in long:
            setattr(config, name, SHORT)
        yield bool(long)
    finally:
        for name, value in long.items():
            setattr(config, name, value)
