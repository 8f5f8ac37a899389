"""Which sample each position takes its value from, for `resample`."""

import numpy as np
import numpy.typing as npt

POSITIONS = 4096  # after so many the draws repeat


def sample_numbers(seed: int, samples: int) -> npt.NDArray[np.int64]:
    """Return the number of the sample for each position of a conversation, `[4096]`, each below `samples`.

    Position p takes entry `p % 4096`, in every layer and site alike, so that what is put in belongs
    together: one token's activations (resampling ablation; Chan et al., "Causal scrubbing", 2022).
    """
    return np.random.default_rng(seed).integers(0, samples, POSITIONS)
