"""The keys and values of the conversation so far, kept between turns.

Entries stay as they were computed, with the edits that stood then: an edit changes what is computed from
its pass on, not what is remembered. A conversation that shares no beginning with the last one starts anew,
and so does one after `forget`.
"""

from collections.abc import Sequence

from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer

from llmri_protocol.messages import Edit
from llmri_server.edits.computed import Computed
from llmri_server.edits.provenance import Provenance


class PrefixCache:
    """Hands out the cache of the last turn, cut back to what a new prompt shares with it.

    Other threads may read `ids` and `provenance` at any time.
    """

    def __init__(self, config: PreTrainedConfig) -> None:
        self._config = config
        self._cache: DynamicCache | None = None
        self._ids: list[int] = []
        self._computed = Computed(int(config.get_text_config().num_hidden_layers))

    @property
    def ids(self) -> tuple[int, ...]:
        """The tokens whose keys and values are kept; while a turn runs, all tokens so far."""
        return tuple(self._ids)

    @property
    def provenance(self) -> Provenance:
        """Under which edits the kept positions were computed."""
        return self._computed.provenance

    def forget(self) -> None:
        """Keep nothing, so that the next prompt is computed from its first token."""
        self._cache, self._ids = None, []
        self._computed.cut(0)

    def take(self, prompt: Sequence[int]) -> tuple[DynamicCache, int]:
        """Give a cache and how many of the prompt's first tokens it holds; at least one is left to compute.

        It is empty where nothing is shared, or where the model's cache cannot be cut back, as with sliding
        windows. What was taken is gone from here until it is kept again, so a failed turn leaves nothing.
        """
        cache, shared = self._cut(prompt)
        self._cache, self._ids = None, list(prompt)
        self._computed.cut(shared)
        return cache, shared

    def computed(self, edits: tuple[Edit, ...], positions: int) -> None:
        """Learn that so many further positions of what was taken were computed under these edits."""
        self._computed.add(edits, positions)

    def read(self, token: int) -> None:
        """Learn of a token that the running turn will compute next."""
        self._ids.append(token)

    def keep(self, cache: DynamicCache, ids: Sequence[int]) -> None:
        """Keep a cache that holds the first of these ids; the last one sampled was never computed."""
        length = int(cache.get_seq_length())
        self._cache, self._ids = cache, list(ids[:length])
        self._computed.cut(length)

    def renew(self, cache: DynamicCache, edits: tuple[Edit, ...]) -> None:
        """Keep another cache of the same tokens, all computed under these edits."""
        self._cache = cache
        self._computed.renew(edits, len(self._ids))

    def fresh(self) -> DynamicCache:
        """Give an empty cache of the model's kind."""
        return DynamicCache(config=self._config)

    def _cut(self, prompt: Sequence[int]) -> tuple[DynamicCache, int]:
        if self._cache is None:
            return self.fresh(), 0
        shared = min(_shared(self._ids, prompt), len(prompt) - 1)
        if shared < len(self._ids):
            if not shared or not _can_be_cut(self._cache):
                return self.fresh(), 0
            self._cache.crop(shared - len(self._ids))
        return self._cache, shared


def _shared(ids: Sequence[int], prompt: Sequence[int]) -> int:
    """Give the length of the longest common beginning."""
    pairs = zip(ids, prompt, strict=False)
    return next((index for index, (old, new) in enumerate(pairs) if old != new), min(len(ids), len(prompt)))


def _can_be_cut(cache: DynamicCache) -> bool:
    """Whether every layer holds every position; other kinds of layer forget some."""
    return all(type(layer) is DynamicLayer for layer in cache.layers)
