"""The keys and values of the conversation so far, kept between turns.

Entries stay as they were computed, with the edits that stood then: an edit changes what is computed from
its pass on, not what is remembered. A conversation that shares no beginning with the last one starts anew,
and so does one after `forget`, and every turn of a model whose state cannot be continued.
"""

from collections.abc import Sequence

from torch import Tensor
from transformers import DynamicCache, PreTrainedConfig

from llmri_server.edits.provenance import Computed, Provenance
from llmri_server.pass_runs import Applied, PassLog, Runs
from llmri_server.torch_runtime.keeping import CacheKeeping


class PrefixCache:
    """Hands out the cache of the last turn, cut back to what a new prompt shares with it.

    Other threads may read `ids` and `provenance` at any time.

    Args:
        config: The model's.
        keeping: What its caches allow.
    """

    def __init__(self, config: PreTrainedConfig, keeping: CacheKeeping) -> None:
        self._config = config
        self._keeping = keeping
        self._cache: DynamicCache | None = None
        self._ids: list[int] = []
        self._log = PassLog()
        self._computed = Computed(int(config.get_text_config().num_hidden_layers))

    @property
    def ids(self) -> tuple[int, ...]:
        """The tokens that were computed; while a turn runs, all tokens so far."""
        return tuple(self._ids)

    @property
    def goes_on(self) -> bool:
        """Whether anything is ever kept."""
        return self._keeping.whole.goes_on

    @property
    def holds(self) -> bool:
        """Whether anything is kept at present."""
        return self._cache is not None

    @property
    def provenance(self) -> Provenance:
        """Under which edits the kept positions were computed."""
        return self._computed.provenance

    @property
    def runs(self) -> Runs:
        """How the positions of the latest turn and those before it were computed."""
        return self._log.runs

    def forget(self) -> None:
        """Keep nothing, so that the next prompt is computed from its first token."""
        self._cache, self._ids = None, []
        self._log = PassLog()
        self._computed.cut(0)

    def take(self, prompt: Sequence[int]) -> tuple[DynamicCache | None, int]:
        """Return a cache and how many of the prompt's first tokens it holds; at least one is left to compute.

        It is empty where nothing is shared, or where the cache cannot be continued or cut back. None is given
        for a model that wants one of its own making. What was taken is gone from here until it is kept again,
        so a failed turn leaves nothing.
        """
        cache, shared = self._cut(prompt)
        self._cache, self._ids = None, list(prompt)
        self._computed.cut(shared)
        self._log.turn(shared, prompt)
        return cache, shared

    def computed(self, applied: Applied, positions: int) -> None:
        """Learn that so many further positions of what was taken were computed under these edits."""
        self._computed.add(applied.edits, positions)
        self._log.add(applied.edits, applied.revision, positions)

    def read(self, token: int) -> None:
        """Learn of a token that the running turn will compute next."""
        self._ids.append(token)

    def keep(self, cache: DynamicCache | None, ids: Sequence[int]) -> None:
        """Keep a cache that holds all of these ids but the last: the one sampled last was never computed."""
        self._ids = list(ids[:-1])
        self._cache = cache if self.goes_on else None
        self._computed.cut(len(self._ids) if self.holds else 0)

    def renew(self, cache: DynamicCache, applied: Applied) -> None:
        """Keep another cache of the same tokens, all computed under these edits."""
        self._cache = cache
        self._computed.renew(applied.edits, len(self._ids))
        self._log.renew(applied.edits, applied.revision, self._ids)

    def fresh(self) -> DynamicCache | None:
        """Return an empty cache of the model's kind; None where it takes none."""
        return DynamicCache(config=self._config) if self._keeping.whole.steps else None

    def _cut(self, prompt: Sequence[int]) -> tuple[DynamicCache | None, int]:
        shared = min(_shared(self._ids, prompt), len(prompt) - 1)
        if self._cache is None or not self._may_be_cut(self._cache, shared):
            return self.fresh(), 0
        if shared < len(self._ids):
            self._cache.crop(shared - len(self._ids))
        return self._cache, shared

    def _may_be_cut(self, cache: DynamicCache, length: int) -> bool:
        """Whether the cache may be continued behind its first positions: what was forgotten is lost."""
        forgot = _forgot(cache, len(self._ids))
        if length == len(self._ids):
            return not forgot or self._keeping.overflowed.goes_on
        return length > 0 and self._keeping.whole.cuts and not forgot


def _shared(ids: Sequence[int], prompt: Sequence[int]) -> int:
    """Return the length of the longest common beginning."""
    pairs = zip(ids, prompt, strict=False)
    return next((index for index, (old, new) in enumerate(pairs) if old != new), min(len(ids), len(prompt)))


def _forgot(cache: DynamicCache, length: int) -> bool:
    """Whether a layer that holds keys holds fewer than so many."""
    keys = (getattr(layer, "keys", None) for layer in cache.layers)
    return any(isinstance(each, Tensor) and each.numel() > 0 and each.shape[-2] < length for each in keys)
