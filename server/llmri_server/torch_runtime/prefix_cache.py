"""The keys and values of the conversation so far, kept between turns.

Entries stay as they were computed, with the edits that stood then: an edit changes what is computed from
its pass on, not what is remembered. A conversation that shares no beginning with the last one starts anew,
and so does one after `forget`.
"""

from collections.abc import Sequence

from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer


class PrefixCache:
    """Hands out the cache of the last turn, cut back to what a new prompt shares with it."""

    def __init__(self, config: PreTrainedConfig) -> None:
        self._config = config
        self._ids: list[int] = []
        self._cache: DynamicCache | None = None

    def forget(self) -> None:
        """Keep nothing, so that the next prompt is computed from its first token."""
        self._cache, self._ids = None, []

    def take(self, prompt: Sequence[int]) -> tuple[DynamicCache, int]:
        """Give a cache and how many of the prompt's first tokens it holds; at least one is left to compute.

        It is empty where nothing is shared, or where the model's cache cannot be cut back, as with sliding
        windows. What was taken is gone from here until it is kept again, so a failed turn leaves nothing.
        """
        cache, ids = self._cache, self._ids
        self._cache, self._ids = None, []
        if cache is None:
            return self._fresh(), 0
        shared = min(_shared(ids, prompt), len(prompt) - 1)
        if shared < len(ids):
            if not shared or not _can_be_cut(cache):
                return self._fresh(), 0
            cache.crop(shared - len(ids))
        return cache, shared

    def keep(self, cache: DynamicCache, ids: Sequence[int]) -> None:
        """Keep a cache that holds the first of these ids; the last one sampled was never computed."""
        length = int(cache.get_seq_length())
        self._cache, self._ids = cache, list(ids[:length])

    def _fresh(self) -> DynamicCache:
        return DynamicCache(config=self._config)


def _shared(ids: Sequence[int], prompt: Sequence[int]) -> int:
    """Give the length of the longest common beginning."""
    pairs = zip(ids, prompt, strict=False)
    return next((index for index, (old, new) in enumerate(pairs) if old != new), min(len(ids), len(prompt)))


def _can_be_cut(cache: DynamicCache) -> bool:
    """Whether every layer holds every position; other kinds of layer forget some."""
    return all(type(layer) is DynamicLayer for layer in cache.layers)
