"""A whole sequence through a context, in as many passes as it takes."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from llmri_server.llama_runtime.interventions import Compiled
from llmri_server.llama_runtime.watch import Watch
from llmri_server.runtime import SiteLayers

Floats = npt.NDArray[np.float32]


def chunks(start: int, stop: int, largest: int) -> Iterator[tuple[int, int]]:
    """Divide positions into passes."""
    for first in range(start, stop, largest):
        yield first, min(first + largest, stop)


def read(
    watch: Watch,
    ids: Sequence[int],
    *,
    prompt: int,
    compiled: Compiled,
    wanted: SiteLayers = (),
    logits: int = 1,
) -> tuple[Mapping[str, Floats], Floats]:
    """Compute a sequence from its first token; what the context kept before is gone.

    Returns:
        Float32 `[positions, layers, width]` a site, and the last positions' logits, `[logits, vocabulary]`.
    """
    context = watch.context
    context.keep(0)
    rows: dict[str, list[Floats]] = {name: [] for name, _ in wanted}
    given: list[Floats] = []
    for first, stop in chunks(0, len(ids), context.largest):
        kept, last = watch.run(
            ids[first:stop],
            first=first,
            prompt=prompt,
            compiled=compiled,
            wanted=wanted,
            kept=stop - first,
            logits=max(0, stop - max(first, len(ids) - logits)),
            whole=stop == len(ids),
        )
        given.append(last.copy())
        for name, parts in rows.items():
            parts.append(kept[name])
    return {name: _joined(parts) for name, parts in rows.items()}, _joined(given)


def _joined(parts: Sequence[Floats]) -> Floats:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
