"""How far two sets of activations or predictions are apart."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def relative_errors(reference: Floats, other: Floats) -> Doubles:
    """Return the error of each layer, `[layers]`, of activations `[positions, layers, width]`.

    It is the Euclidean length of the difference, over all positions and units, as a share of the reference's:
    0 for equal ones, 1 for the error of a model that is silent there.
    """
    difference = np.square(other.astype(np.float64) - reference).sum(axis=(0, 2))
    length = np.square(reference.astype(np.float64)).sum(axis=(0, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        errors: Doubles = np.sqrt(difference / length)
    errors[difference == 0] = 0
    return errors


@dataclass(frozen=True)
class Predictions:
    """How far the predictions of the next token are apart, over all positions.

    Attributes:
        error: Of the logits, as in `relative_errors`.
        divergence: Mean Kullback-Leibler divergence of the other's distribution from the reference's, nats.
        agreement: The share of positions where both have the same likeliest token.
    """

    error: float
    divergence: float
    agreement: float


def compare_predictions(reference: Floats, other: Floats) -> Predictions:
    """Compare logits, `[positions, vocabulary]`."""
    here, there = _log_softmax(reference), _log_softmax(other)
    return Predictions(
        error=float(relative_errors(reference[:, None], other[:, None])[0]),
        divergence=float((np.exp(here) * (here - there)).sum(axis=1).mean()),
        agreement=float((reference.argmax(axis=1) == other.argmax(axis=1)).mean()),
    )


def _log_softmax(logits: Floats) -> Doubles:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    given: Doubles = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return given
