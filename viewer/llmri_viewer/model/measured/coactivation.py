"""Which units fire with some chosen ones: a correlation over tokens, which says nothing of causes."""

from collections.abc import Sequence

import numpy as np

from llmri_viewer.model.history.store import Rows

FEWEST = 3  # tokens: two points always lie on a line


def coactivation(rows: Rows, chosen: Sequence[tuple[int, int]]) -> Rows | None:
    """Correlate every unit with the chosen ones, `[layers, width]`, from -1 to 1 (Pearson).

    What is correlated with is the mean of the chosen units' standard scores. A unit that stays constant
    correlates with nothing: it gets 0.

    Args:
        rows: Activations, `[tokens, layers, width]`.
        chosen: Rows and units of the chosen ones.

    Returns:
        The correlations, or None for fewer than three tokens, no chosen unit, or only constant ones.
    """
    if len(rows) < FEWEST or not chosen:
        return None
    centred = rows - rows.mean(axis=0)
    spread = np.sqrt(np.square(centred).mean(axis=0))
    scores = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
    layers, units = zip(*chosen, strict=True)
    target = scores[:, list(layers), list(units)].mean(axis=1)
    size = np.sqrt(np.square(target).mean())
    if not size > 0:
        return None
    found: Rows = (np.tensordot(target / size, scores, axes=1) / len(rows)).astype(np.float32)
    return found.clip(-1, 1)
