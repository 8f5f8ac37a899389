"""One of llama.cpp's contexts: the keys and values of one sequence, and passes over it."""

import ctypes
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from llmri_server.llama_runtime.ggml import F16, F32
from llmri_server.llama_runtime.model import Model
from llmri_server.llama_runtime.options import FlashAttention
from llmri_server.runtime import LoadError

NO_REPLY = 1 << 62  # a prompt longer than any: all positions belong to it, and none is its last


@dataclass(frozen=True, eq=False)
class Pass:
    """What is computed.

    llama.cpp's tensors carry no positions, so a pass fits into one of its micro-batches, and row r of a
    tensor is position `first + r`. The last layer leaves out rows that give no logits: row r there is
    position `first + outputs[r]`.

    Attributes:
        ids: The tokens.
        first: The first one's position in the conversation; as many are kept.
        prompt: How many first positions of the conversation are prompt.
        outputs: Which of the tokens, from 0 and ascending, give logits.
        whole: Whether the sequence that is read ends here, so that the last token is its last position.
    """

    ids: tuple[int, ...]
    first: int
    prompt: int
    outputs: tuple[int, ...]
    whole: bool = True

    @property
    def more_follows(self) -> bool:
        """Whether more of the prompt, or of the sequence that is read, follows in another pass."""
        return not self.whole or self.first + len(self.ids) < self.prompt

    @cached_property
    def positions(self) -> npt.NDArray[np.int64]:
        """The positions in the conversation."""
        return np.arange(self.first, self.first + len(self.ids))

    @cached_property
    def output_rows(self) -> npt.NDArray[np.int64]:
        """The same as `outputs`, to index with."""
        return np.array(self.outputs, np.int64)


LARGEST_PASS = 512  # positions
FLASH: dict[FlashAttention, int] = {"auto": -1, "off": 0, "on": 1}  # of `llama_flash_attn_type`
NO_ROOM = 1  # what `llama_decode` gives where keys and values have no room left


class Watcher(Protocol):
    """Sees the nodes of every pass, through a ctypes callback that lives as long as it does."""

    callback: Any

    def begin(self, count_reused: Callable[[], int]) -> None:
        """Expect a pass."""
        ...

    def attentive(self) -> AbstractContextManager[None]:
        """Notice, inside, what the callback cannot catch."""
        ...

    def end(self, *, complete: bool) -> None:
        """Learn that the pass is over, complete or not; raise what the callback could not."""
        ...


class Context:
    """A context with a callback.

    Attributes:
        model: What it runs.
        pointer: llama.cpp's own.
        length: The most positions that it keeps.
        largest: The most positions of one pass.

    Raises:
        LoadError: There is no memory for it, or llama.cpp refuses.
    """

    def __init__(self, model: Model, watcher: Watcher, flash_attention: FlashAttention) -> None:
        engine, options = model.engine, model.options
        self.model = model
        self._watcher = watcher
        self._lib = lib = engine.lib
        self.length = options.context_of(model.trained_context)
        self.largest = min(LARGEST_PASS, self.length)
        parameters = lib.llama_context_default_params()
        parameters.n_ctx = self.length
        parameters.n_batch = parameters.n_ubatch = self.largest  # one pass, one micro-batch
        parameters.n_threads = parameters.n_threads_batch = options.threads_for(model.size)
        parameters.flash_attn_type = FLASH[flash_attention]
        parameters.type_k = parameters.type_v = F32 if options.exact_cache else F16
        parameters.cb_eval = ctypes.cast(watcher.callback, type(parameters.cb_eval))
        engine.errors.clear()
        self.pointer: Any = lib.llama_init_from_model(model.pointer, parameters)
        if not self.pointer:
            raise LoadError(
                f"llama.cpp makes no context of {self.length} tokens: {engine.last_error()}; "
                "try a shorter one"
            )
        self._memory = lib.llama_get_memory(self.pointer)
        self._batch = lib.llama_batch_init(self.largest, 0, 1)
        weakref.finalize(self, _free, model, watcher, self.pointer, self._batch)
        self._tokens, self._positions, self._wanted = self._batch_arrays()

    def decode(self, now: Pass) -> None:
        """Compute a pass; what the callback raised is raised.

        Raises:
            RuntimeError: llama.cpp failed.
        """
        count = len(now.ids)
        self._batch.n_tokens = count
        self._tokens[:count] = now.ids
        self._positions[:count] = now.positions
        self._wanted[:count] = 0
        self._wanted[now.output_rows] = 1
        self.model.engine.errors.clear()
        self._watcher.begin(self._count_reused)
        with self._watcher.attentive():
            status = self._lib.llama_decode(self.pointer, self._batch)
            self._lib.llama_synchronize(self.pointer)
        self._watcher.end(complete=not status)
        if status == NO_ROOM:
            raise RuntimeError(f"the context of {self.length} tokens is full")
        if status:
            raise RuntimeError(f"llama.cpp failed with status {status}: {self.model.engine.last_error()}")

    def logits(self, now: Pass) -> npt.NDArray[np.float32]:
        """Return the logits of the latest pass, `[outputs, vocabulary]`, over llama.cpp's own memory."""
        shape = (len(now.outputs), self.model.tokens)
        if not shape[0]:
            return np.empty(shape, np.float32)
        first = self._lib.llama_get_logits(self.pointer)
        logits: npt.NDArray[np.float32] = np.ctypeslib.as_array(first, shape)
        return logits

    def keep(self, length: int) -> bool:
        """Keep the first positions only; False where llama.cpp cannot and keeps none."""
        if length and self._lib.llama_memory_seq_rm(self._memory, 0, length, -1):
            return True
        self._lib.llama_memory_clear(self._memory, True)
        return length == 0

    @property
    def holds_all(self) -> bool:
        """Whether every position since the first is kept, and not only the latest, or one state of all."""
        return int(self._lib.llama_memory_seq_pos_min(self._memory, 0)) <= 0

    def _count_reused(self) -> int:
        return int(self._lib.llama_perf_context(self.pointer).n_reused)

    def _batch_arrays(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
        """Return the batch's tokens, positions and wishes for logits; all are of sequence 0."""
        batch, size = self._batch, (self.largest,)
        for number in range(self.largest):
            batch.n_seq_id[number] = 1
            batch.seq_id[number][0] = 0
        arrays = (np.ctypeslib.as_array(each, size) for each in (batch.token, batch.pos, batch.logits))
        tokens, positions, wanted = arrays
        return tokens, positions, wanted


def _free(model: Model, _watcher: Watcher, pointer: object, batch: object) -> None:
    """Free a context while what it stands on still lives."""
    model.engine.lib.llama_free(pointer)
    model.engine.lib.llama_batch_free(batch)
