"""Where a forward pass stands in the conversation.

Columns count what the cache holds, padding included. A position's number counts from the first real token
of its row: it is its column less the row's padding on the left.
"""

import sys
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from torch import Tensor

NO_REPLY = sys.maxsize  # a prompt longer than any: all positions belong to it, and none is its last
CACHES = ("past_key_values", "cache_params", "state")  # as models name what they go on from
MASK = 2  # dimensions of an attention mask that shows padding


class PassPosition:
    """What edits may ask about the pass that begins; nothing is worked out before it is asked for.

    It has to be asked before the pass grows its cache.

    Attributes:
        positions: How many columns the pass computes.
        ids: The tokens, `[batch, positions]`, or None where the model is given embeddings.
    """

    def __init__(
        self,
        positions: int,
        ids: Tensor | None,
        arguments: Mapping[str, Any],
        prompt: int | None,
        special: frozenset[int],
        *,
        first: int | None = None,
    ) -> None:
        self.positions = positions
        self.ids = ids
        self._arguments = arguments
        self._prompt = prompt
        self._special = special
        self._told_first = first

    @cached_property
    def first(self) -> int:
        """The first column that the pass computes: as many are in the cache.

        A mask covers both, and so tells it of states that count no positions too.
        """
        if self._told_first is not None:
            return self._told_first
        given = (self._arguments.get(name) for name in CACHES)
        cache = next((each for each in given if each is not None), None)
        if cache is None:
            return 0
        mask = self._arguments.get("attention_mask")
        if isinstance(mask, Tensor) and mask.ndim == MASK:
            return int(mask.shape[1]) - self.positions
        return int(cache.get_seq_length())

    @property
    def prompt(self) -> int:
        """The columns of the prompt: as told, or all there are when the cache is empty."""
        if self._prompt is not None:
            return self._prompt
        return self.first or self.positions

    @property
    def columns(self) -> range:
        """The columns that the pass computes."""
        return range(self.first, self.first + self.positions)

    @property
    def ends_inside_prompt(self) -> bool:
        """Whether more of the prompt follows in another pass."""
        return self._prompt is not None and self.first + self.positions < self._prompt

    @cached_property
    def padding(self) -> tuple[int, ...]:
        """The columns of padding on the left of each row; one number where all rows have as many."""
        mask = self._arguments.get("attention_mask")
        if not isinstance(mask, Tensor) or mask.ndim != MASK:
            return (0,)
        rows = tuple(int(padding) for padding in (mask.cumsum(1) == 0).sum(1).tolist())
        return rows if len(set(rows)) > 1 else rows[:1]

    @cached_property
    def ordinary(self) -> list[list[bool]]:
        """For each row and column, whether its token is none of the special ones."""
        if self.ids is None:
            return [[True] * self.positions]
        return [[token not in self._special for token in row] for row in self.ids.tolist()]

    def of_row(self, row: int) -> "PassPosition":
        """Return the same for one row of the batch."""
        ids = None if self.ids is None else self.ids[row : row + 1]
        alone = PassPosition(self.positions, ids, {}, self._prompt, self._special, first=self.first)
        alone.__dict__["padding"] = self.padding if len(self.padding) == 1 else (self.padding[row],)
        return alone
