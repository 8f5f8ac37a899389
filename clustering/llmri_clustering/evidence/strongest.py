"""Where a cluster fires most: tokens with their context, and turns."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from llmri_clustering.clusters import TokenLabel
from llmri_clustering.evidence.activity import turn_means
from llmri_clustering.samples import AnySamples, TurnText


def strongest_tokens(
    activity: npt.NDArray[np.float64], samples: AnySamples, *, number: int, context: int
) -> tuple[TokenLabel, ...]:
    """Return the tokens on which one cluster's activity `[samples]` is highest, highest first.

    A token within `context` tokens of a higher one in the same turn is the same spot and not listed
    again. Of equal activities the earlier sample comes first.

    Args:
        activity: Mean |z| of the cluster's units, `[samples]`.
        samples: What it was measured on.
        number: At most so many tokens.
        context: Tokens of text given before and after.
    """
    chosen: list[int] = []
    for sample in np.argsort(-activity, kind="stable").tolist():
        if len(chosen) == number:
            break
        if not any(_same_spot(samples, sample, other, context) for other in chosen):
            chosen.append(sample)
    return tuple(_label(samples, sample, float(activity[sample]), context) for sample in chosen)


def strongest_turns(
    activity: npt.NDArray[np.float64], turn: npt.NDArray[np.int32], *, number: int
) -> tuple[tuple[tuple[int, float], ...], ...]:
    """Give, for each cluster, the turns of highest mean activity with that mean, highest first.

    Args:
        activity: Mean |z|, `[samples, clusters]`.
        turn: The turn of each sample, `[samples]`.
        number: At most so many turns a cluster.
    """
    turns, means = turn_means(activity, turn)
    order = np.argsort(-means, axis=0, kind="stable")[:number]
    return tuple(
        tuple((int(turns[row]), float(means[row, cluster])) for row in order[:, cluster])
        for cluster in range(means.shape[1])
    )


def _same_spot(samples: AnySamples, one: int, other: int, context: int) -> bool:
    """Say whether two samples stand within `context` tokens of each other in one turn."""
    near = abs(int(samples.token[one]) - int(samples.token[other])) <= context
    return near and samples.turn[one] == samples.turn[other]


def _label(samples: AnySamples, sample: int, z: float, context: int) -> TokenLabel:
    """Return a sample's token with its surroundings; empty text where the turn's text is not known."""
    turn, token = int(samples.turn[sample]), int(samples.token[sample])
    tokens = _tokens(samples.texts, turn)
    return TokenLabel(
        turn=turn,
        token=token,
        text="".join(tokens[token : token + 1]),
        before="".join(tokens[max(token - context, 0) : token]),
        after="".join(tokens[token + 1 : token + 1 + context]),
        z=z,
    )


def _tokens(texts: Mapping[int, TurnText], turn: int) -> tuple[str, ...]:
    """Return the tokens of a turn, none where its text was not kept."""
    return texts[turn].tokens if turn in texts else ()
