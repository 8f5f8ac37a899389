"""A model of a few hundred numbers in numpy, which can be edited and measured like a real one."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from llmri_protocol.messages import Edit
from llmri_server.edits import Place, PlaceEdits, resolve

Array = npt.NDArray[np.float64]


class NumpyModel:
    """A causal residual network: each layer mixes in the mean of the past, then adds an MLP of one step.

    Its sites are `mlp_act` and `resid_post`. It computes in float64 and never the same twice by accident:
    all weights are random, from one seed.
    """

    def __init__(self, layers: int, width: int, vocabulary: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.layers = layers
        self._embedding = rng.normal(size=(vocabulary, width))
        self._in = rng.normal(size=(layers, width, width)) / np.sqrt(width)
        self._out = rng.normal(size=(layers, width, width)) / np.sqrt(width)
        self._unembedding = rng.normal(size=(width, vocabulary))

    def run(
        self,
        ids: Sequence[int],
        edits: Sequence[Edit] = (),
        prompt: int | None = None,
        instead: Mapping[Place, Array] | None = None,
    ) -> tuple[Array, dict[Place, Array]]:
        """Logits `[positions, vocabulary]` and each place's rows `[positions, width]`, after the edits.

        `instead` puts other rows in some places.
        """
        resolved = resolve(edits)
        seen: dict[Place, Array] = {}

        def pass_on(site: str, layer: int, rows: Array) -> Array:
            rows = (instead or {}).get((site, layer), rows)
            here = resolved.get((site, layer), PlaceEdits())
            for edit in here.steers:
                rows = np.where(_positions(edit, len(ids), prompt), _edited(edit, rows), rows)
            for unit, edit in here.units.items():
                acting = _positions(edit, len(ids), prompt) & (np.arange(rows.shape[1]) == unit)
                rows = np.where(acting, _edited(edit, rows), rows)
            seen[site, layer] = rows
            return rows

        hidden = self._embedding[list(ids)]
        counts = np.arange(1, len(ids) + 1)[:, None]
        for layer in range(self.layers):
            mixed = hidden + 0.5 * hidden.cumsum(axis=0) / counts
            active = pass_on("mlp_act", layer, np.tanh(mixed @ self._in[layer]))
            hidden = pass_on("resid_post", layer, hidden + active @ self._out[layer])
        return self.unembedded(hidden), seen

    def unembedded(self, rows: Array) -> Array:
        """Return the logits of rows `[..., width]`."""
        logits: Array = rows @ self._unembedding
        return logits


def _positions(edit: Edit, count: int, prompt: int | None) -> npt.NDArray[np.bool_]:
    """Say for each position whether the edit acts there, `[positions, 1]`."""
    numbers = np.arange(count)[:, None]
    begins = count if prompt is None else prompt
    kinds = {
        "all": numbers >= 0,
        "prompt": numbers < begins,
        "generated": numbers >= begins,
        "last": numbers == count - 1,
    }
    at = kinds[edit.positions] if isinstance(edit.positions, str) else np.isin(numbers, edit.positions)
    return at & (numbers >= (edit.since or 0))


def _edited(edit: Edit, rows: Array) -> Array:
    match edit.op:
        case "scale":
            return rows * edit.value
        case "add":
            return rows + edit.value
        case "set":
            return np.full_like(rows, edit.value)
        case "steer":
            return rows + edit.value * np.asarray(edit.direction)
        case "mean":
            return np.broadcast_to(rows.mean(axis=0), rows.shape)
        case "resample":
            return rows[::-1]
