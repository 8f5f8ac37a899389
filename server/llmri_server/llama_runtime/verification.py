"""What the sites claim, checked against what passes through the same callback as every scan later on.

A residual stream is a sum: `resid_mid = resid_pre + attn_out` and `resid_post = resid_mid + mlp_out`, or all
three at once where the branches run in parallel. A site that does not add up is no such site. And each must
be there in a prompt's graph and in that of a single token, which may differ.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from llmri_server.llama_runtime.interventions import Compiled
from llmri_server.llama_runtime.model import Model
from llmri_server.llama_runtime.observer import UnseenError
from llmri_server.llama_runtime.recognition import EMBEDDING
from llmri_server.llama_runtime.sites import (
    ATTN_OUT,
    MLP_OUT,
    RESID_MID,
    RESID_POST,
    RESID_PRE,
    Discovery,
)
from llmri_server.llama_runtime.watch import Watch
from llmri_server.runtime import SiteLayers

ROUNDINGS = 8  # sums may be rounded in another order than the model's, a few times

Floats = npt.NDArray[np.float32]
Rows = Mapping[str, Floats]  # `[positions, layers, width]` a site

# Each total and its parts; where one holds in every layer, its branches and its middle are what they claim.
SUMS = (
    (RESID_MID, (RESID_PRE, ATTN_OUT)),
    (RESID_POST, (RESID_MID, MLP_OUT)),
    (RESID_POST, (RESID_PRE, ATTN_OUT, MLP_OUT)),
)
CLAIMING = (RESID_MID, ATTN_OUT, MLP_OUT)


def verified(model: Model, found: Discovery, ids: tuple[int, ...]) -> Discovery:
    """Return what was found without the sites that are not what they claim to be.

    Args:
        model: The model.
        found: Its sites as they are claimed.
        ids: A prompt and one token more.
    """
    while True:
        try:
            rows = list(_passes(model, found, ids)) if found.sites else []
        except UnseenError as unseen:
            found = found.without(_unseen(unseen, found))
        else:
            break
    for each in rows:
        found = found.without(_false(each, found))
    return found


def adds_up(total: Floats, *parts: Floats) -> bool:
    """Whether `total` is the sum of the parts, to within a few roundings of float32."""
    size = np.abs(total, dtype=np.float64) + sum(np.abs(part, dtype=np.float64) for part in parts)
    gap = np.abs(total.astype(np.float64) - sum(part.astype(np.float64) for part in parts))
    return bool((gap <= ROUNDINGS * np.finfo(np.float32).eps * size).all())


def _passes(model: Model, found: Discovery, ids: tuple[int, ...]) -> Iterator[Rows]:
    """Yield what passes in a prompt, and then in a single token."""
    watch = Watch(model, found, frozenset())
    wanted: SiteLayers = tuple((name, tuple(range(model.layers))) for name in found.sites)
    for first, piece in ((0, ids[:-1]), (len(ids) - 1, ids[-1:])):
        rows, _ = watch.run(
            piece,
            first=first,
            prompt=len(ids) - 1,
            compiled=Compiled(),
            wanted=wanted,
            kept=len(piece),
            logits=1,
        )
        yield {name: values.copy() for name, values in rows.items()}


def _unseen(unseen: UnseenError, found: Discovery) -> dict[str, str]:
    """Say of the sites whose nodes a pass lacks in which layer it does."""
    lacking = dict(sorted(unseen.places, reverse=True))  # of a site's layers the first
    first = min((lacking[name] for name in (EMBEDDING, RESID_POST) if name in lacking), default=None)
    if first is not None:
        lacking[RESID_PRE] = first
    return {
        name: f"not every pass of llama.cpp computes it as this one does, in layer {layer}"
        for name, layer in lacking.items()
        if name in found.sites
    }


def _false(rows: Rows, found: Discovery) -> dict[str, str]:
    """Say of the sites that do not add up what they lack."""
    right: set[str] = set()
    for total, parts in SUMS:
        if {total, *parts} <= rows.keys() and adds_up(rows[total], *(rows[part] for part in parts)):
            right |= {total, *parts}
    return {name: _reason(name, rows) for name in CLAIMING if name in found.sites and name not in right}


def _reason(name: str, rows: Rows) -> str:
    """Say which sum of a site does not hold, and by how much."""
    there = [(total, parts) for total, parts in SUMS if {total, *parts} <= rows.keys()]
    sums = [(total, parts) for total, parts in there if name in (total, *parts)]
    if not sums:
        return "there is no sum of the residual stream to check it by"
    total, parts = sums[0]
    gaps = np.abs(rows[total] - np.sum([rows[part] for part in parts], axis=0)).max(axis=(0, 2))
    layer = int(gaps.argmax())
    summed = " + ".join(f"`{part}`" for part in parts)
    return f"`{total}` is not {summed}: in layer {layer} it differs by up to {gaps[layer]:.2g}"
