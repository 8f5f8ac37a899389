"""What a context's memory allows between turns, tried at load: see `llmri_server.runtimes.common.keeping`."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from llmri_server.llama_runtime.interventions import Compiled
from llmri_server.llama_runtime.sequence_reading import chunks
from llmri_server.llama_runtime.watch import Watch
from llmri_server.runtimes.common.keeping import Keeping, measure_keeping

EXACTNESS = 1e-4  # keys and values are float16 in every piece, so they round alike


def measure_memory(watch: Watch, vocabulary: int) -> Keeping:
    """Try the memory of an unused context with a few of so many tokens; afterwards it is empty."""
    try:
        return measure_keeping(_Trial(watch), vocabulary, watch.context.length, EXACTNESS)
    finally:
        watch.context.keep(0)


class _Trial:
    """A memory to try."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._length = 0

    def whole(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        return self.begin(ids)

    def disturb(self, ids: Sequence[int]) -> None:
        """Nothing: what is done between turns is done in another context."""

    def begin(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        self._watch.context.keep(0)
        self._length = 0
        return self.go_on(ids)

    def go_on(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        return np.concatenate(
            [self._read(ids[first:stop]) for first, stop in chunks(0, len(ids), self._watch.context.largest)]
        )

    def cut(self, count: int) -> bool:
        self._length -= count
        return self._watch.context.keep(self._length)

    def _read(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        start = self._length
        self._length += len(ids)
        _, logits = self._watch.run(
            ids, first=start, prompt=self._length, compiled=Compiled(), logits=len(ids)
        )
        return logits.copy()
