"""What each layer would say next, were its output the last one (nostalgebraist 2020, "the logit lens")."""

import threading
from collections.abc import Sequence

import numpy as np

from llmri_protocol.messages import Candidate, Edit, LensLayer
from llmri_server.measuring.distributions import Logprobs, divergence, logprobs
from llmri_server.measuring.progress import Progress, Steps
from llmri_server.measuring.reading import as_if_generated
from llmri_server.runtime import LensRuntime, Runtime
from llmri_server.service.transcript import TokenPosition


def logit_lens(
    runtime: LensRuntime,
    place: TokenPosition,
    edits: Sequence[Edit],
    most: int,
    *,
    progress: Progress,
    stop: threading.Event,
) -> tuple[tuple[LensLayer, ...], Candidate | None]:
    """Read every layer at a place, under these edits; give the layers, and the token that came next.

    Raises:
        StoppedError: `stop` was set.
        NonFiniteError: A logit is infinite or not a number.
    """
    steps = Steps(1, progress, stop)
    steps.begin(f"reading {runtime.card.layers} layers")
    prompt = len(place.ids) if place.prompt is None else place.prompt
    reading = tuple(as_if_generated(edit, prompt) for edit in edits)
    distributions = logprobs(runtime.lens(place.ids, reading, prompt=place.prompt))
    steps.end()
    divergences = divergence(distributions[-1], distributions)
    layers = tuple(
        LensLayer(
            layer=number,
            top=_likeliest(runtime, each, most),
            entropy=float(-(np.exp(each) * each).sum()),
            kl=float(divergences[number]),
            rank=None if place.came is None else int((each > each[place.came]).sum()),
            logprob=None if place.came is None else float(each[place.came]),
        )
        for number, each in enumerate(distributions)
    )
    return layers, None if place.came is None else _candidate(runtime, place.came, distributions[-1])


def _likeliest(runtime: Runtime, distribution: Logprobs, most: int) -> tuple[Candidate, ...]:
    order = np.argsort(-distribution, kind="stable")[:most]
    return tuple(_candidate(runtime, int(token), distribution) for token in order)


def _candidate(runtime: Runtime, token: int, distribution: Logprobs) -> Candidate:
    return Candidate(id=token, text=runtime.text_of(token), logprob=float(distribution[token]))
