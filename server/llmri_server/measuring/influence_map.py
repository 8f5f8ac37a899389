"""What edits do to the layers after them and to the next token."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Edit, Shift
from llmri_server.measuring.distributions import divergence, logprobs, shifts
from llmri_server.measuring.progress import Progress, Steps
from llmri_server.measuring.reading import as_if_generated
from llmri_server.runtime import Runtime

ROW_BYTES = 512 << 20  # of activations that one pass may give; more layers than fit take another pass
CONSTANT = 1e-6  # of a layer's typical spread: below it a unit counts as constant


@dataclass(frozen=True, eq=False)
class InfluenceMap:
    """How edits change what comes after them, over one context.

    `change` is float32 `[layers, width]`: each unit's root mean square change over the positions, in
    standard deviations of that unit over the positions without the edits. `kl` is of the next token, from
    without to with the edits, in nats.
    """

    site: str
    layers: tuple[int, ...]
    change: npt.NDArray[np.float32]
    positions: int
    kl: float
    gains: tuple[Shift, ...]
    losses: tuple[Shift, ...]


def influence(
    runtime: Runtime,
    ids: Sequence[int],
    edits: Sequence[Edit],
    site: str,
    *,
    progress: Progress,
    stop: threading.Event,
    prompt: int | None = None,
) -> InfluenceMap:
    """Measure what the edits change at a site, in every layer from the first edited one on.

    One pass over a batch of two, without and with the edits; more where the layers do not fit into
    `ROW_BYTES`.

    Args:
        runtime: The model.
        ids: The context.
        edits: Checked edits, at least one.
        site: Where the change is measured.
        progress: Is told of each pass.
        stop: Ends it before the next pass.
        prompt: How many first positions count as prompt; None counts all.

    Raises:
        StoppedError: `stop` was set.
        NonFiniteError: The edits make the logits infinite or not a number.
    """
    card = runtime.card
    reading = tuple(as_if_generated(edit, len(ids) if prompt is None else prompt) for edit in edits)
    layers = tuple(range(min(edit.layer for edit in edits), card.layers))
    width = next(each.width for each in card.sites if each.name == site)
    groups = _groups(layers, ROW_BYTES // (2 * len(ids) * width * np.dtype(np.float32).itemsize))
    steps = Steps(len(groups), progress, stop)
    changes = []
    for group in groups:
        steps.begin(f"layers {group[0]} to {group[-1]}")
        measured = runtime.measure(ids, ((), reading), sites=((site, group),), prompt=prompt)
        changes.append(relative_change(*measured.rows[site]))
        steps.end()
    plain, edited = logprobs(measured.logits[:, -1])
    gains, losses = shifts(runtime, plain, edited)
    change = np.concatenate(changes)
    return InfluenceMap(site, layers, change, len(ids), float(divergence(plain, edited)), gains, losses)


def relative_change(
    plain: npt.NDArray[np.float32], edited: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return the root mean square change over positions in standard deviations, `[layers, width]`.

    A unit that is constant without the edits has no spread of its own: its change is relative to the typical
    spread of its layer, the root mean square over the units, or, where all are constant as over a single
    position, to the root mean square of their values.

    Args:
        plain: Activations without the edits, `[positions, layers, width]`.
        edited: The same with them.
    """
    moved = _root_mean_square(edited - plain, axis=0)
    spread = plain.std(axis=0, dtype=np.float64)
    typical = _root_mean_square(spread, axis=1)[:, None]
    size = _root_mean_square(plain, axis=(0, 2))[:, None]
    typical = np.where(typical > CONSTANT * size, typical, np.where(size > 0, size, 1.0))
    relative: npt.NDArray[np.float64] = moved / np.where(spread > CONSTANT * typical, spread, typical)
    return relative.astype(np.float32)


def _root_mean_square(
    values: npt.NDArray[np.floating], axis: int | tuple[int, ...]
) -> npt.NDArray[np.float64]:
    mean: npt.NDArray[np.float64] = np.square(values, dtype=np.float64).mean(axis=axis)
    return np.sqrt(mean)


def _groups(layers: tuple[int, ...], most: int) -> list[tuple[int, ...]]:
    """Divide layers into runs of at most `most`, and at least one."""
    size = max(1, most)
    return [layers[start : start + size] for start in range(0, len(layers), size)]
