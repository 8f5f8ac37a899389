"""How llama.cpp shall run a file."""

import os
from dataclasses import dataclass
from typing import Literal, get_args

FlashAttention = Literal["auto", "on", "off"]
FLASH_ATTENTION: tuple[FlashAttention, ...] = get_args(FlashAttention)

SMALL = 16 << 20  # bytes of weights
LONGEST_CONTEXT = 4096  # where none is asked for: keys and values of a long one fill the memory


@dataclass(frozen=True)
class Options:
    """What can be chosen.

    Attributes:
        gpu_layers: How many layers lie on the GPU; -1 are all, where llama.cpp was built for one.
        needs_gpu: Whether it is an error where llama.cpp was not.
        threads: Of the processor; 0 takes as many as this process may use, or one for a small model.
        context: The longest sequence in tokens; 0 takes the file's own, at most `LONGEST_CONTEXT`.
        flash_attention: Whether attention is computed in one piece; `auto` leaves it to llama.cpp.
        exact_cache: Keep keys and values in float32 and not in float16: twice the memory, no rounding.
    """

    gpu_layers: int = -1
    needs_gpu: bool = False
    threads: int = 0
    context: int = 0
    flash_attention: FlashAttention = "auto"
    exact_cache: bool = False

    def threads_for(self, weights: int) -> int:
        """How many threads to start for so many bytes of weights, never more than there are to run them.

        Threads wait for each other after every node, and spin: a token of a small model gains nothing by
        them, and on a busy machine loses several times what it takes.
        """
        if not self.threads and weights < SMALL:
            return 1
        allowed = getattr(os, "sched_getaffinity", None)  # where the system tells
        there = len(allowed(0)) if allowed else os.cpu_count() or 1
        return min(self.threads or there, there)

    def context_of(self, trained: int) -> int:
        """Return the longest sequence for a model that was trained on sequences so long, or unknown, 0."""
        return self.context or min(trained or LONGEST_CONTEXT, LONGEST_CONTEXT)
