"""How llama.cpp shall run a file."""

import os
from dataclasses import dataclass
from typing import Literal, get_args

FlashAttention = Literal["auto", "on", "off"]
FLASH_ATTENTION: tuple[FlashAttention, ...] = get_args(FlashAttention)

LONGEST_CONTEXT = 4096  # where none is asked for: keys and values of a long one fill the memory


@dataclass(frozen=True)
class Options:
    """What can be chosen.

    Attributes:
        gpu_layers: How many layers lie on the GPU; -1 are all, where llama.cpp was built for one.
        threads: Of the processor; 0 takes as many as this process may use.
        context: The longest sequence in tokens; 0 takes the file's own, at most `LONGEST_CONTEXT`.
        flash_attention: Whether attention is computed in one piece; `auto` leaves it to llama.cpp.
        exact_cache: Keep keys and values in float32 and not in float16: twice the memory, no rounding.
    """

    gpu_layers: int = -1
    threads: int = 0
    context: int = 0
    flash_attention: FlashAttention = "auto"
    exact_cache: bool = False

    @property
    def processor_threads(self) -> int:
        """The threads to start."""
        if self.threads:
            return self.threads
        allowed = getattr(os, "sched_getaffinity", None)  # where the system tells
        return len(allowed(0)) if allowed else os.cpu_count() or 1

    def context_of(self, trained: int) -> int:
        """Give the longest sequence for a model that was trained on sequences so long."""
        return self.context or min(trained, LONGEST_CONTEXT)
